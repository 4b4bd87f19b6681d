import { type AckSection, decodeFrame, FrameWriter, limits, type RefusalSection } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { PendingAnswers } from "../src/pending-answers.ts";

const epoch = "A".repeat(22);
const ack = (of: AckSection["class"], seq: number, stream = epoch): AckSection => ({
  type: "ack",
  class: of,
  epoch: stream,
  seq,
});
const refusal = (of: AckSection["class"], seq: number): RefusalSection => ({
  type: "refusal",
  class: of,
  epoch,
  seq,
  code: "expired",
});

/** What the next frame says, such as `ack durable 3`. */
function nextFrame(answers: PendingAnswers, durableOnly?: boolean): string[] {
  const out = new FrameWriter();
  answers.write(out, durableOnly);
  if (out.isEmpty) return [];
  const frame = decodeFrame(out.finish());
  if (!frame.ok) throw new Error(frame.message);
  return frame.value.map((section) =>
    section.type === "ack" || section.type === "refusal"
      ? `${section.type} ${section.class} ${section.seq}`
      : section.type,
  );
}

describe("answers to another device", () => {
  it("say what was refused before what acknowledges it, over as many frames as it takes", () => {
    const answers = new PendingAnswers();
    answers.acknowledge(ack("durable", 100));
    for (let seq = 1; seq <= limits.sectionsPerFrame + 1; seq++) answers.refuse(refusal("durable", seq));
    expect(nextFrame(answers)).toHaveLength(limits.sectionsPerFrame);
    expect(nextFrame(answers)).toEqual([`refusal durable ${limits.sectionsPerFrame + 1}`, "ack durable 100"]);
    expect(nextFrame(answers)).toEqual([]);
  });

  it("go to a device that is away as far as its outbox waits for them", () => {
    const answers = new PendingAnswers();
    answers.acknowledge(ack("live", 1));
    answers.acknowledge(ack("durable", 2));
    answers.refuse(refusal("durable", 2));
    answers.refuse(refusal("live", 1));
    expect(nextFrame(answers, true)).toEqual(["refusal durable 2", "ack durable 2"]);
    answers.forgetLive();
    expect(nextFrame(answers)).toEqual([]);
  });

  it("are bounded, whatever the other side makes up", () => {
    const answers = new PendingAnswers();
    for (let count = 0; count < 300; count++)
      answers.acknowledge(ack("live", count, `${String(count).padStart(21, "A")}A`));
    const frames: string[][] = [];
    for (let frame = nextFrame(answers); frame.length > 0; frame = nextFrame(answers)) frames.push(frame);
    expect(frames.flat()).toHaveLength(256);
    expect(frames.at(-1)?.at(-1)).toBe("ack live 299");
  });
});
