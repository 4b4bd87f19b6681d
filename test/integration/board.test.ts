import type { BoardRequest, IncomingTask } from "@parley/client";
import { testCard } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import type { TestMember } from "../../packages/testkit/src/mesh/test-mesh.ts";
import { MeshScope } from "./device-fixture.ts";

type Work = (task: IncomingTask) => Promise<unknown>;

/** A member that takes tasks of one skill from the board. */
async function worker(member: TestMember, work: Work, { skill = "add", slots = 4 } = {}): Promise<IncomingTask[]> {
  const taken: IncomingTask[] = [];
  member.device.serve(async (task) => {
    taken.push(task);
    return work(task);
  });
  await member.device.publishCard(testCard(member.device, [{ id: skill }]));
  member.device.board.work({ skills: [skill], slots });
  return taken;
}

const add: Work = async ({ input }) => {
  const { a, b } = input as { a: number; b: number };
  return { sum: a + b };
};

async function done(member: TestMember, request: BoardRequest) {
  const { task } = await member.device.board.submit(request);
  return member.device.board.follow(task).outcome;
}

describe("the board", () => {
  it("gives a task to a holder of the skill and its result to the asker", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada");
    const bob = await scope.join("bob");
    const taken = await worker(bob, add);
    const outcome = await done(ada, { skill: "add", input: { a: 2, b: 3 } });
    expect(outcome).toMatchObject({
      output: { sum: 5 },
      worker: { name: "bob", device: bob.device.device },
      facts: { state: "completed", starts: 1, generation: 1 },
    });
    expect(taken[0]).toMatchObject({
      id: outcome.facts.task,
      from: { name: "ada", device: ada.device.device },
      skill: "add",
    });
  });

  it("keeps a task until somebody with the skill comes, while its asker is there to share the input", async () => {
    await using scope = await MeshScope.start();
    const ada = await scope.join("ada");
    const { task } = await ada.device.board.submit({ skill: "add", input: { a: 1, b: 1 } });
    expect((await ada.device.board.task(task)).facts.state).toBe("open");
    const bob = await scope.join("bob");
    await worker(bob, add);
    expect((await ada.device.board.follow(task).outcome).output).toEqual({ sum: 2 });
  });
});
