import { type DeviceEvent, type LogLine } from "@parley/client";
import { FrameWriter, isErrorCode, toBase64url } from "@parley/protocol";
import { type SeededRandom, testEnvelope } from "@parley/testkit";

import { TestMesh, type TestMember } from "../../packages/testkit/src/mesh/test-mesh.ts";
import { corpus } from "./corpus.ts";
import { LoopLinks } from "./loop-links.ts";
import { mutateBytes, mutateText } from "./mutate.ts";
import { BrokenInvariant, plantedText, type Surface, within } from "./surface.ts";

const framesPerCase = 60;
const probeMs = 10_000;

/** A turn of the event loop, so that what the frames set off has run. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A frame whose sections are well formed and whose bodies are not. */
function withOddBody(random: SeededRandom): Uint8Array {
  const out = new FrameWriter();
  const body = new TextEncoder()
    .encode(mutateText(random.chance(0.1) ? { text: plantedText } : random.pick(corpus.envelopeBodies), random))
    .subarray(0, 40_000);
  const envelope = testEnvelope(body, {
    kind: random.below(12),
    critical: random.chance(0.5),
    more: random.chance(0.1),
    created: Date.now(),
  });
  if (random.chance(0.5)) out.ephemeral(envelope);
  const firstSeq = 1 + random.below(random.chance(0.9) ? 3 : 2 ** 40);
  const deliveryClass = random.chance(0.5) ? "live" : "durable";
  out.data(
    {
      class: deliveryClass,
      epoch: toBase64url(new Uint8Array(16).fill(random.below(40))),
      base: 1 + random.below(firstSeq),
      firstSeq,
    },
    [envelope],
  );
  return out.finish().slice();
}

const states = ["delivered", "handled", "read"] as const;
const codes = ["not_holder", "storage_full", "expired", "unsupported_kind", "refused"] as const;

/** What a recipient answers, about a stream that there is, with numbers and signatures that are not right. */
function withOddAnswers(epoch: string, random: SeededRandom): Uint8Array {
  const out = new FrameWriter();
  const number = (): number => random.pick([0, 1, 2, 3, random.below(100), random.below(2 ** 40)]);
  for (let count = 1 + random.below(4); count > 0; count--) {
    const deliveryClass = random.chance(0.8) ? "durable" : "live";
    const from = 1 + number();
    if (random.chance(0.3)) out.ack({ class: deliveryClass, epoch, seq: number() });
    else if (random.chance(0.4)) out.refusal({ class: deliveryClass, epoch, seq: number(), code: random.pick(codes) });
    else {
      const signature = random.bytes(64);
      out.receipt({ epoch, state: random.pick(states), from, to: from + number(), at: number(), signature });
    }
  }
  return out.finish().slice();
}

function frameOf(random: SeededRandom, epoch: string): Uint8Array {
  if (random.chance(0.3)) return withOddAnswers(epoch, random);
  if (random.chance(0.5)) return withOddBody(random);
  return random.chance(0.5) ? mutateBytes(random.pick(corpus.frames), random) : random.pick(corpus.frames);
}

/** What a device does with the frames of a proven peer that misbehaves. */
export async function openLinkSurface(): Promise<Surface> {
  let lines: string[] = [];
  const log: LogLine = (level, event, fields) => void lines.push(JSON.stringify({ level, event, fields }));
  const uncoded: DeviceEvent[] = [];
  const mesh = await TestMesh.start();
  const links = new LoopLinks();
  const alice = await mesh.join("alice", { links: { factory: links }, log });
  const mallory = await mesh.join("mallory", { links: { factory: new LoopLinks() } });
  const honest = await mesh.join("honest", { links: { factory: new LoopLinks() } });
  alice.device.onMessage(() => undefined);
  const [epoch = ""] = (await alice.device.send("mallory", "hello")).id.split(".");
  alice.device.watch((event) => {
    if (event.type === "refused" && (!isErrorCode(event.code) || event.code === "internal")) uncoded.push(event);
  });
  const linked = (member: TestMember): boolean =>
    alice.device.links().some(({ device, state }) => device === member.device.device && state === "open");
  return {
    secrets: [plantedText],
    takeLog() {
      const taken = lines;
      lines = [];
      return taken;
    },
    async run(random) {
      if (!linked(mallory))
        await mallory.device.connect("alice", { signal: AbortSignal.timeout(3000) }).catch(() => undefined);
      let frames = 0;
      for (; frames < framesPerCase && links.inject(frameOf(random, epoch)); frames++)
        if (frames % 8 === 0) await turn();
      await turn();
      const [event] = uncoded;
      if (event !== undefined)
        throw new BrokenInvariant(`a frame was refused without a code: ${JSON.stringify(event)}`);
      return Math.max(frames, 1);
    },
    async probe() {
      await within(
        honest.device.ping("alice", { paths: ["relay"], timeoutMs: probeMs }),
        probeMs,
        "a ping to the device",
      );
    },
    close: () => mesh.stop(),
  };
}
