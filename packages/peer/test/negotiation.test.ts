import type { LinkSignal } from "@parley/core";
import { limits } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { Negotiation } from "../src/negotiation.ts";

const fingerprint = Array.from({ length: 32 }, () => "0A").join(":");
const description = (setup: string, maxMessageBytes: number = limits.frameBytes) =>
  [
    "v=0",
    "o=- 1 1 IN IP4 127.0.0.1",
    `a=fingerprint:sha-256 ${fingerprint}`,
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    `a=max-message-size:${maxMessageBytes}`,
    `a=setup:${setup}`,
    "a=ice-ufrag:abcd",
    "a=ice-pwd:abcdefghijklmnopqrstuv",
    "",
  ].join("\r\n");
const offer: LinkSignal = { type: "offer", sdp: description("actpass") };
const answer: LinkSignal = { type: "answer", sdp: description("active") };
const candidate = (port: number, type = "host"): LinkSignal => ({
  type: "candidate",
  candidate: `candidate:1 1 UDP 1 192.0.2.7 ${port} typ ${type}`,
  mid: "0",
});

describe("a negotiation", () => {
  it("takes one offer and then nothing but candidates", () => {
    const negotiation = new Negotiation();
    expect(negotiation.take(offer)).toEqual({ do: "describe", ...offer });
    expect(negotiation.offer()).toBe(false);
    expect([negotiation.take(offer).do, negotiation.take(answer).do, negotiation.take(candidate(9)).do]).toEqual([
      "close",
      "close",
      "nothing",
    ]);
  });

  it("takes one answer, and only to its own offer", () => {
    expect(new Negotiation().take(answer).do).toBe("close");
    const negotiation = new Negotiation();
    expect([negotiation.offer(), negotiation.offer()]).toEqual([true, false]);
    expect([negotiation.take(answer).do, negotiation.take(answer).do]).toEqual(["describe", "close"]);
    expect(negotiation.remoteFingerprint).toBe("0a".repeat(32));
  });

  it("closes on glare: which offer wins is its owner's business", () => {
    const negotiation = new Negotiation();
    negotiation.offer();
    expect(negotiation.take(offer).do).toBe("close");
  });

  it("holds candidates until the description is applied, and then passes them on", () => {
    const negotiation = new Negotiation();
    expect(negotiation.take(candidate(1)).do).toBe("nothing");
    negotiation.take(offer);
    expect(negotiation.take(candidate(2)).do).toBe("nothing");
    expect(negotiation.release().map((held) => held.candidate.split(" ")[5])).toEqual(["1", "2"]);
    expect([negotiation.release(), negotiation.take(candidate(3)).do]).toEqual([[], "add"]);
  });

  it("ignores candidates above 64, held or not", () => {
    const negotiation = new Negotiation();
    for (let port = 1; port < limits.candidates; port++) negotiation.take(candidate(port));
    negotiation.take(offer);
    expect(negotiation.release()).toHaveLength(limits.candidates - 1);
    expect([negotiation.take(candidate(64)).do, negotiation.take(candidate(65)).do]).toEqual(["add", "nothing"]);
    expect(negotiation.take({ type: "candidate", candidate: "x", mid: "0" }).do).toBe("close");
  });

  it("refuses a side that cannot take a whole frame", () => {
    const of = (bytes: number) => new Negotiation().take({ type: "offer", sdp: description("actpass", bytes) }).do;
    expect([of(limits.frameBytes - 1), of(limits.frameBytes), of(limits.frameBytes + 1)]).toEqual([
      "close",
      "describe",
      "describe",
    ]);
  });

  it("knows which remote addresses are relays", () => {
    const negotiation = new Negotiation();
    negotiation.take(candidate(5000));
    negotiation.take(candidate(6000, "relay"));
    expect([negotiation.isRemoteRelay("192.0.2.7", 5000), negotiation.isRemoteRelay("192.0.2.7", 6000)]).toEqual([
      false,
      true,
    ]);
  });
});
