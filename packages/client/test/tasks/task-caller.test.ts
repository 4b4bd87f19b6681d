import { openMemoryJournal, systemRandom } from "@parley/core";
import { limits } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { outgoingOf } from "../../src/guards/outgoing.ts";
import type { Peer } from "../../src/peer.ts";
import { AskedTasks, openAskedTasks } from "../../src/tasks/asked-tasks.ts";
import { TaskCaller } from "../../src/tasks/task-caller.ts";

const peer = {} as Peer;

const journal = openMemoryJournal();
const askedTasks = openAskedTasks(journal);

describe("a question about a task that cannot leave, because the stream to the agent is full,", () => {
  const make = async (clock: FakeClock): Promise<TaskCaller> =>
    new TaskCaller({
      clock,
      random: systemRandom,
      send: () => new Promise(() => {}),
      outgoing: outgoingOf(() => false),
      fetchParts: (event) => Promise.resolve(event),
      asked: new AskedTasks(await askedTasks, clock),
      onError: () => {},
    });

  it("ends when its time is up", async () => {
    const clock = new FakeClock();
    const caller = await make(clock);
    const asked = caller.ask(peer, "GetTask", "task");
    clock.advance(limits.taskMs);
    await expect(asked).rejects.toMatchObject({ code: "timeout" });
    expect(caller.openCalls).toBe(0);
  });

  it("ends when the device stops", async () => {
    const caller = await make(new FakeClock());
    const asked = caller.ask(peer, "CancelTask", "task");
    caller.stop();
    await expect(asked).rejects.toMatchObject({ code: "closed" });
    expect(caller.openCalls).toBe(0);
  });
});
