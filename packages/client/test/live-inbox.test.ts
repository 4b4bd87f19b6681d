import { type DataSection, envelopeKinds, limits } from "@parley/protocol";
import { testEnvelope } from "@parley/testkit";
import { expect, it } from "vitest";

import { LiveInbox } from "../src/live-inbox.ts";

const envelope = testEnvelope(new Uint8Array(48_000), { kind: envelopeKinds.data });

it("takes no more for a slow handler than a sender may have under way, and the rest when it comes again", async () => {
  const handler = Promise.withResolvers<void>();
  const last = Promise.withResolvers<void>();
  const count = Math.ceil((limits.unackedBytes + limits.envelopeBytes) / envelope.body.length) + 1;
  let handled = 0;
  const inbox = new LiveInbox({
    handle: () => {
      handled++;
      return handler.promise;
    },
    onHandled: (seq) => {
      if (seq === count) last.resolve();
    },
    onRefused: (_seq, error) => last.reject(error),
  });
  const send = (firstSeq: number): void => {
    const section: DataSection = {
      type: "data",
      class: "live",
      epoch: "A".repeat(22),
      base: 1,
      firstSeq,
      envelopes: [envelope],
    };
    inbox.receive(section, "direct");
  };
  for (let seq = 1; seq <= count + 10; seq++) send(seq);
  handler.resolve();
  await last.promise;
  expect(handled).toBe(count);
  send(count + 1);
  expect(handled).toBe(count + 1);
});
