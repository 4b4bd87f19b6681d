import type { BoardOutcome, BoardRequest, IncomingTask } from "@parley/client";
import { testCard } from "@parley/testkit";

import type { TestMember } from "../../packages/testkit/src/mesh/test-mesh.ts";

export type Work = (task: IncomingTask) => Promise<unknown>;

/** A member that takes tasks of one skill from the board; gives what it was given. */
export async function worker(
  member: Pick<TestMember, "device">,
  work: Work,
  { skill = "add", slots = 4 } = {},
): Promise<IncomingTask[]> {
  const taken: IncomingTask[] = [];
  member.device.serve(async (task) => {
    taken.push(task);
    return work(task);
  });
  await member.device.publishCard(testCard(member.device, [{ id: skill }]));
  member.device.board.work({ skills: [skill], slots });
  return taken;
}

export const add: Work = async ({ input }) => {
  const { a, b } = input as { a: number; b: number };
  return { sum: a + b };
};

/** Puts a task on the board and waits for its result. */
export async function done({ device }: Pick<TestMember, "device">, request: BoardRequest): Promise<BoardOutcome> {
  const { task } = await device.board.submit(request);
  return device.board.follow(task).outcome;
}

/** Work that ends when the test says so. */
export class Gate {
  readonly #waiting: (() => void)[] = [];
  #isOpen = false;

  readonly work: Work = async (task) => {
    if (!this.#isOpen)
      await new Promise<void>((resolve, reject) => {
        this.#waiting.push(resolve);
        task.signal.addEventListener("abort", () => reject(task.signal.reason as Error));
      });
    return { n: (task.input as { n?: number }).n };
  };

  open(): void {
    this.#isOpen = true;
    for (const go of this.#waiting.splice(0)) go();
  }
}
