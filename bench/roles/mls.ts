/** Two members of an MLS group of many: by our adapter, and by the library alone. */
import { at } from "../../packages/mls/test/at.ts";
import { BarePair } from "../../packages/mls/test/bare-pair.ts";
import { bytesOf, commitAmong, groupOf, newLists, type TestDevice } from "../../packages/mls/test/devices.ts";
import { answerCommands } from "../role.ts";

interface Pair {
  readonly message: (content: Uint8Array) => Promise<void>;
  readonly commit: () => Promise<{ readonly making: number; readonly taking: number }>;
}

function ownPair(committer: TestDevice, reader: TestDevice): Pair {
  return {
    async message(content) {
      const { message, state } = await committer.groups.seal(committer.state, content);
      committer.state = state;
      // What has to be durable before the message leaves.
      committer.groups.encode(state);
      reader.state = (await reader.groups.open(reader.state, message)).state;
    },
    async commit() {
      const started = performance.now();
      const { commit, state } = await committer.groups.commit(committer.state);
      const made = performance.now();
      committer.state = state;
      await reader.process(commit);
      return { making: made - started, taking: performance.now() - made };
    },
  };
}

const pairs: Record<string, Pair> = {};

async function start(size: number): Promise<void> {
  const devices = await groupOf(await newLists(), size);
  const [committer, reader] = [at(devices, 0), at(devices, 1)];
  await commitAmong([committer, reader], committer);
  pairs["own"] = ownPair(committer, reader);
  pairs["bare"] = await BarePair.start(size);
  await pairs["bare"].commit();
}

interface MlsRun {
  readonly whose: "own" | "bare";
  readonly seconds: number;
}

function pairOf({ whose }: MlsRun): Pair {
  const pair = pairs[whose];
  if (pair === undefined) throw new Error("start comes first");
  return pair;
}

const content = bytesOf("x".repeat(256));

const commands = {
  start,
  /** Messages a second, sealed and opened one after the other. */
  async messages(run: MlsRun): Promise<number> {
    const pair = pairOf(run);
    const started = performance.now();
    const end = started + run.seconds * 1000;
    let count = 0;
    for (; performance.now() < end; count++) await pair.message(content);
    return (count / (performance.now() - started)) * 1000;
  },
  /** Commits a second, made and processed. */
  async commits(run: MlsRun): Promise<{ readonly made: number; readonly taken: number }> {
    const pair = pairOf(run);
    const end = performance.now() + run.seconds * 1000;
    let [count, making, taking] = [0, 0, 0];
    for (; performance.now() < end; count++) {
      const took = await pair.commit();
      making += took.making;
      taking += took.taking;
    }
    return { made: (count / making) * 1000, taken: (count / taking) * 1000 };
  },
};

export type MlsCommands = typeof commands;

answerCommands(commands);
