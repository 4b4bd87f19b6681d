import type { LinkSettings } from "@parley/client";
import { BrowserLinkFactory } from "@parley/peer/browser";
import { NodeLinkFactory } from "@parley/peer/node";
import { expect } from "vitest";

import { type TestMember, TestMesh, type TestMeshOptions } from "../../packages/testkit/src/mesh/test-mesh.ts";
import { Messages } from "../integration/device-fixture.ts";
import { serve } from "../integration/task-fixture.ts";
import { stacks } from "./stacks.ts";

/** One device on node-datachannel and one on another stack, in one mesh. */
export class ForeignScene implements AsyncDisposable {
  readonly ours: TestMember;
  readonly foreign: TestMember;
  readonly #stop: () => Promise<void>;

  private constructor(ours: TestMember, foreign: TestMember, stop: () => Promise<void>) {
    this.ours = ours;
    this.foreign = foreign;
    this.#stop = stop;
  }

  static async start(
    stack: string,
    policy: LinkSettings["policy"] = "all",
    registry: TestMeshOptions["registry"] = {},
  ): Promise<ForeignScene> {
    const PeerConnection = stacks[stack];
    if (PeerConnection === undefined) throw new Error(`there is no stack ${stack}`);
    const mesh = await TestMesh.start({ registry });
    const factories = [new NodeLinkFactory(), new BrowserLinkFactory({ PeerConnection })] as const;
    const ours = await mesh.join("ours", { links: { factory: factories[0], policy } });
    const foreign = await mesh.join("foreign", { links: { factory: factories[1], policy } });
    return new ForeignScene(ours, foreign, async () => {
      await mesh.stop();
      await Promise.all(factories.map((factory) => factory.close()));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }
}

const pieces = 200;
/** More than one frame, and more than one chunk. */
const large = "x".repeat(200_000);

/** Dials, then sends messages both ways and delegates both ways, all by the path and no other. */
export async function expectTalk(caller: TestMember, called: TestMember, path: "direct" | "turn"): Promise<void> {
  expect(await caller.device.connect(called.device.member)).toMatchObject({ path });
  const rule = { paths: [path] };
  for (const [from, to] of [
    [caller, called],
    [called, caller],
  ] as const) {
    await serve(to);
    const messages = new Messages(to.device);
    const texts = [...Array.from({ length: pieces }, (_, index) => `${index}`), large];
    for (const text of texts) await from.device.send(to.device.member, text, { class: "live", ...rule });
    await messages.count(texts.length);
    expect(messages.texts).toEqual(texts);
    expect(new Set(messages.all.map((message) => message.path))).toEqual(new Set([path]));
    const input = { text: `from ${from.device.name}` };
    const run = await from.device.delegate(to.device.member, { skill: "echo", input, ...rule });
    expect(await run.outcome).toMatchObject({ path, output: input });
  }
}
