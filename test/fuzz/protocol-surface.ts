import { MeshTrust, peekStatement } from "@parley/core";
import {
  callEventSchema,
  callSchema,
  decodeDelivery,
  decodeFrame,
  decodeJson,
  decodeNodeMessage,
  decodeRequest,
  decodeRoutedFrame,
  type Decoded,
  gossipSchema,
  isErrorCode,
  isParleyError,
  parseInviteLink,
  proofSchema,
  signalSchema,
  statementSchemas,
  welcomeSchema,
} from "@parley/protocol";
import type { SeededRandom } from "@parley/testkit";

import { corpus } from "./corpus.ts";
import { mutateBytes, mutateText } from "./mutate.ts";
import { BrokenInvariant, type Surface } from "./surface.ts";

const inputsPerCase = 200;
const slowMs = 250;
const schemas: readonly Parameters<typeof decodeJson>[0][] = [
  callSchema,
  callEventSchema,
  gossipSchema,
  proofSchema,
  signalSchema,
  welcomeSchema,
  ...Object.values(statementSchemas),
];
const types = Object.keys(statementSchemas) as (keyof typeof statementSchemas)[];

/** Decoders that give a value or a code and never throw. */
const total: readonly ((random: SeededRandom) => Decoded<unknown>)[] = [
  (random) => decodeFrame(mutateBytes(random.pick(corpus.frames), random)),
  (random) => decodeFrame(random.bytes(random.below(200))),
  (random) => decodeRoutedFrame(mutateBytes(random.pick(corpus.routed), random)),
  (random) => decodeDelivery(mutateBytes(random.pick(corpus.deliveries), random)),
  (random) => decodeRequest(mutateText(random.pick(corpus.requests), random)),
  (random) => decodeNodeMessage(mutateText(random.pick(corpus.nodeMessages), random)),
  (random) =>
    decodeJson(random.pick(schemas), mutateText(random.pick([...corpus.handshake, ...corpus.envelopeBodies]), random)),
];

/** Readers that give a value or throw an error with a code. */
const coded: readonly ((random: SeededRandom) => unknown)[] = [
  (random) =>
    parseInviteLink(new TextDecoder().decode(mutateBytes(new TextEncoder().encode(random.pick(corpus.links)), random))),
  (random) =>
    peekStatement(
      random.pick(types),
      new TextDecoder().decode(mutateBytes(new TextEncoder().encode(random.pick(corpus.compacts)), random)),
    ),
];

function feed(random: SeededRandom): void {
  if (random.chance(0.9)) {
    const result = random.pick(total)(random);
    if (!result.ok && !isErrorCode(result.code)) throw new BrokenInvariant("a decoder answered with an unknown code");
    return;
  }
  try {
    random.pick(coded)(random);
  } catch (error) {
    if (!isParleyError(error)) throw new BrokenInvariant("a reader threw an error without a code", { cause: error });
  }
}

/** A chain of operator sets with one mutated; the signatures make this slow, so it is one in a case. */
async function chain(random: SeededRandom): Promise<void> {
  const compact = new TextDecoder().decode(mutateBytes(new TextEncoder().encode(random.pick(corpus.compacts)), random));
  try {
    await MeshTrust.pin([compact, random.pick(corpus.compacts)], undefined, { now: () => 0 });
  } catch (error) {
    if (!isParleyError(error)) throw new BrokenInvariant("verifying threw an error without a code", { cause: error });
  }
}

/** The decoders of the wire, in process. */
export function openProtocolSurface(): Surface {
  return {
    secrets: [],
    takeLog: () => [],
    async run(random) {
      for (let count = 0; count < inputsPerCase; count++) {
        const before = process.threadCpuUsage();
        feed(random);
        const { user, system } = process.threadCpuUsage(before);
        if (user + system > slowMs * 1000)
          throw new BrokenInvariant(`one input took more than ${slowMs} ms of the processor`);
      }
      if (random.chance(0.1)) await chain(random);
      return inputsPerCase;
    },
    probe() {
      const [frame] = corpus.frames;
      if (frame === undefined || !decodeFrame(frame).ok)
        throw new BrokenInvariant("a valid frame is not read any more");
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  };
}
