import { afterAll, beforeAll, describe, it } from "vitest";

import { expectTalk, ForeignScene } from "./foreign-scene.ts";
import { LoopbackTurn } from "./loopback-turn.ts";
import { stacks } from "./stacks.ts";

describe.each(Object.keys(stacks))("a device on %s, where only TURN is allowed", (stack) => {
  let turn: LoopbackTurn;

  beforeAll(async () => {
    turn = await LoopbackTurn.start();
  });
  afterAll(() => turn[Symbol.asyncDispose]());

  it("is dialled by ours, and both talk through TURN", async () => {
    await using scene = await ForeignScene.start(stack, "relay", { ice: { turn: turn.turn } });
    await expectTalk(scene.ours, scene.foreign, "turn");
  });

  it("dials ours, and both talk through TURN", async () => {
    await using scene = await ForeignScene.start(stack, "relay", { ice: { turn: turn.turn } });
    await expectTalk(scene.foreign, scene.ours, "turn");
  });
});
