import { limits } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { askOffererToStartDtls, readCandidate, readDescription, readFingerprint } from "../src/sdp.ts";

const hex = "ab".repeat(32);
const colons = Array.from({ length: 32 }, () => "AB").join(":");

const lines = (origin = "o=rtc 1190604336 0 IN IP4 127.0.0.1") => [
  "v=0",
  origin,
  "s=-",
  "t=0 0",
  "a=group:BUNDLE 0",
  `a=fingerprint:sha-256 ${colons}`,
  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
  "c=IN IP4 0.0.0.0",
  "a=mid:0",
  "a=sctp-port:5000",
  "a=max-message-size:262144",
  "a=setup:actpass",
  "a=ice-ufrag:FBkd",
  "a=ice-pwd:zoY0SWWP0WarSXKt+BwC5z",
  "",
];
const offer = lines().join("\r\n");
const without = (start: string) =>
  lines()
    .filter((line) => !line.startsWith(start))
    .join("\r\n");
const plus = (...extra: string[]) => [...lines().slice(0, -1), ...extra, ""].join("\r\n");

describe("a description", () => {
  it("gives the certificate, the message size and the candidates", () => {
    const facts = readDescription(
      plus("a=candidate:1 1 UDP 2114977791 192.0.2.7 33690 typ relay raddr 0.0.0.0 rport 0"),
      "offer",
    );
    expect(facts).toEqual({
      fingerprint: hex,
      maxMessageBytes: 262_144,
      candidates: [{ type: "relay", transport: "udp", address: "192.0.2.7", port: 33_690 }],
    });
  });

  it("takes bare newlines, and 64 KiB for one that names no message size (RFC 8841)", () => {
    expect(readDescription(offer.replaceAll("\r\n", "\n"), "offer")?.fingerprint).toBe(hex);
    expect(readDescription(without("a=max-message-size"), "offer")?.maxMessageBytes).toBe(65_536);
    expect(readDescription(offer.replace("262144", "0"), "offer")?.maxMessageBytes).toBe(Number.POSITIVE_INFINITY);
  });

  it("is refused above 16 KiB, and taken at it", () => {
    const room = limits.sdpBytes - offer.length - "a=x:\r\n".length;
    expect(readDescription(plus(`a=x:${"y".repeat(room - 1)}`), "offer")).toBeDefined();
    expect(readDescription(plus(`a=x:${"y".repeat(room)}`), "offer")).toBeDefined();
    expect(readDescription(plus(`a=x:${"y".repeat(room + 1)}`), "offer")).toBeUndefined();
  });

  it("is refused above 64 candidates, and taken at them", () => {
    const candidates = (count: number) =>
      Array.from({ length: count }, () => "a=candidate:1 1 UDP 1 192.0.2.7 9 typ host");
    expect(readDescription(plus(...candidates(limits.candidates)), "offer")?.candidates).toHaveLength(
      limits.candidates,
    );
    expect(readDescription(plus(...candidates(limits.candidates + 1)), "offer")).toBeUndefined();
  });

  it.each([
    ["no string", 7],
    ["an empty text", ""],
    ["no version line", without("v=0")],
    ["no media", without("m=")],
    ["a rejected section", offer.replace("application 9", "application 0")],
    ["a second section", plus("m=video 9 UDP/TLS/RTP/SAVPF 96")],
    ["another kind of section", offer.replace("m=application", "m=audio")],
    ["no certificate", without("a=fingerprint")],
    ["a second, other certificate", plus(`a=fingerprint:sha-256 ${colons.replace("AB", "AC")}`)],
    ["a second certificate under another hash", plus(`a=fingerprint:sha-1 ${colons}`)],
    ["a short fingerprint", offer.replace(":AB", "")],
    ["a long fingerprint", offer.replace("AB:", "AB:AB:")],
    ["no ICE user", without("a=ice-ufrag")],
    ["two ICE users", plus("a=ice-ufrag:zzzz")],
    ["no ICE password", without("a=ice-pwd")],
    ["no setup", without("a=setup")],
    ["an unknown setup", offer.replace("actpass", "holdconn")],
    ["two setups", plus("a=setup:active")],
    ["two message sizes", plus("a=max-message-size:1")],
    ["a message size that is no number", offer.replace("262144", "-1")],
    ["a candidate with a name to look up", plus("a=candidate:1 1 UDP 1 tracker.example 9 typ host")],
    ["a control character", plus("a=x:\u0000")],
    ["a letter outside ASCII", plus("a=x:é")],
    ["very many lines", plus(...Array.from({ length: 400 }, () => "a=x"))],
  ])("is refused with %s", (_, sdp) => {
    expect(readDescription(sdp, "offer")).toBeUndefined();
  });

  it("of an answer has to have chosen its DTLS role", () => {
    expect(readDescription(offer, "answer")).toBeUndefined();
    expect(readDescription(offer.replace("actpass", "active"), "answer")).toBeDefined();
    expect(readDescription(offer.replace("actpass", "passive"), "answer")).toBeDefined();
  });

  it("may repeat its one fingerprint", () => {
    expect(readFingerprint(plus(`a=fingerprint:SHA-256 ${colons.toLowerCase()}`))).toBe(hex);
  });
});

describe("a candidate", () => {
  it("gives its type, transport and address, with or without a=", () => {
    const text = "candidate:4 1 tcp 1518157055 FD00::2 35782 typ srflx raddr ::1 rport 5 tcptype passive generation 0";
    const facts = { type: "srflx", transport: "tcp", address: "fd00::2", port: 35_782 };
    expect([readCandidate(text), readCandidate(`a=${text}`)]).toEqual([facts, facts]);
  });

  it("may hide its address behind a .local name", () => {
    const name = "3e1e9a5c-0000-4000-8000-8d1b6a3c0a00.local";
    expect(readCandidate(`candidate:1 1 udp 2113937151 ${name} 51234 typ host`)?.address).toBe(name);
  });

  it("is refused above 1 KiB, and taken at it", () => {
    const text = (length: number) => "candidate:1 1 UDP 1 192.0.2.7 9 typ host ".padEnd(length, "x");
    expect(readCandidate(text(limits.candidateBytes - 1))).toBeDefined();
    expect(readCandidate(text(limits.candidateBytes))).toBeDefined();
    expect(readCandidate(text(limits.candidateBytes + 1))).toBeUndefined();
  });

  it.each([
    ["no string", undefined],
    ["nothing", ""],
    ["a name to look up", "candidate:1 1 UDP 1 tracker.example 9 typ host"],
    ["a name that only starts as .local", "candidate:1 1 UDP 1 a.local.tracker.example 9 typ host"],
    ["a port above 65535", "candidate:1 1 UDP 1 192.0.2.7 65536 typ host"],
    ["an unknown type", "candidate:1 1 UDP 1 192.0.2.7 9 typ magic"],
    ["a second line", "candidate:1 1 UDP 1 192.0.2.7 9 typ host\r\na=setup:active"],
  ])("is refused as %s", (_, text) => {
    expect(readCandidate(text)).toBeUndefined();
  });
});

describe("an offer that we answer", () => {
  it.each([
    ["libdatachannel", "o=rtc 1190604336 0 IN IP4 127.0.0.1"],
    ["Chromium", "o=- 7428515101516100845 2 IN IP4 127.0.0.1"],
    ["Firefox", "o=mozilla...THIS_IS_SDPARTA-99.0 7428515101516100845 0 IN IP4 0.0.0.0"],
  ])("of %s is made to start DTLS", (_, origin) => {
    const rewritten = askOffererToStartDtls(lines(origin).join("\r\n"));
    expect(rewritten).toBe(lines(origin).join("\r\n").replace("a=setup:actpass", "a=setup:active"));
  });

  it("of werift is left as it is: it cannot start", () => {
    const werift = lines("o=- 29203967 0 IN IP4 0.0.0.0").join("\r\n");
    expect(askOffererToStartDtls(werift)).toBe(werift);
  });
});
