/**
 * What a link reads out of session descriptions and candidates (RFC 8866, 8839, 8841, 8842). Both adapters share it.
 *
 * The text comes from another device, so anything beyond the one shape that a data channel needs is refused: one
 * `m=` line, one certificate, no names to resolve. Nothing here throws.
 */
import { limits } from "@parley/protocol";

export type DescriptionType = "offer" | "answer";

/** What a link needs to know about a session description. */
export interface DescriptionFacts {
  /** SHA-256 of the DTLS certificate: 64 lower-case hex digits. */
  readonly fingerprint: string;
  /** Largest message that its author takes, in bytes; `Infinity` when unlimited. */
  readonly maxMessageBytes: number;
  readonly candidates: readonly CandidateFacts[];
}

export interface CandidateFacts {
  readonly type: "host" | "srflx" | "prflx" | "relay";
  readonly transport: "udp" | "tcp";
  readonly address: string;
  readonly port: number;
}

/** RFC 8841 section 6.1: what a side takes that does not say. */
const unsaidMaxMessageBytes = 64 * 1024;
const maxLines = 256;
const midPattern = /^[\w.~+-]{1,32}$/;

/** Reads a description, or gives undefined when it is not one of a single data channel transport. */
export function readDescription(sdp: unknown, type: DescriptionType): DescriptionFacts | undefined {
  if (typeof sdp !== "string" || sdp.length > limits.sdpBytes || !isPrintable(sdp)) return undefined;
  const lines = sdp.split(/\r?\n/);
  if (lines.length > maxLines || lines[0] !== "v=0" || !hasOneDataSection(lines)) return undefined;
  const fingerprint = readFingerprint(sdp);
  const maxMessageBytes = readMaxMessageBytes(lines);
  const candidates = readCandidates(lines);
  if (fingerprint === undefined || maxMessageBytes === undefined || candidates === undefined) return undefined;
  if (!isSetup(valuesOf(lines, "setup"), type)) return undefined;
  if (valuesOf(lines, "ice-ufrag").length !== 1 || valuesOf(lines, "ice-pwd").length !== 1) return undefined;
  return { fingerprint, maxMessageBytes, candidates };
}

/**
 * The certificate's SHA-256 fingerprint as 64 lower-case hex digits. Undefined when there is none, or when the lines
 * differ: two fingerprints would let a link bind to one certificate and run on another.
 */
export function readFingerprint(sdp: string): string | undefined {
  let found: string | undefined;
  for (const value of valuesOf(sdp.split(/\r?\n/), "fingerprint")) {
    const hex = /^sha-256 ([\da-f]{2}(?::[\da-f]{2}){31})$/i.exec(value)?.[1]?.replaceAll(":", "").toLowerCase();
    if (hex === undefined || (found !== undefined && found !== hex)) return undefined;
    found = hex;
  }
  return found;
}

/**
 * Reads one candidate (RFC 8839 section 5.1), with or without `a=`. Undefined when it is malformed or when its address
 * is a name: looking up a name of somebody else's choice would tell them who asks. Names under `.local` pass, which is
 * how browsers hide host addresses and which stay on the local network.
 */
export function readCandidate(text: unknown): CandidateFacts | undefined {
  if (typeof text !== "string" || text.length > limits.candidateBytes || !isPrintable(text)) return undefined;
  const pattern =
    /^(?:a=)?candidate:[\w+/]{1,32} [1-9]\d{0,4} (udp|tcp) \d{1,10} ([\da-f.:]{2,45}|[\w-]{1,63}\.local) (\d{1,5}) typ (host|srflx|prflx|relay)(?: [^\r\n]*)?$/i;
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, transport, address, digits, type] = match;
  const port = Number(digits);
  if (transport === undefined || address === undefined || type === undefined || port > 65_535) return undefined;
  return {
    transport: transport.toLowerCase() === "udp" ? "udp" : "tcp",
    address: address.toLowerCase(),
    port,
    type: type.toLowerCase() as CandidateFacts["type"],
  };
}

/** Whether a string can be the `mid` of a media section. */
export function isMid(text: unknown): text is string {
  return typeof text === "string" && midPattern.test(text);
}

/**
 * Rewrites a received offer so that our answer asks the offerer to start DTLS (RFC 8842 section 5.3).
 *
 * libdatachannel answers `active` by default and sends its ClientHello the moment ICE connects. An offerer that has
 * not seen the answer yet drops it, and the handshake waits one second for the retransmission. As the passive side we
 * cannot be early. werift as the offerer never connects that way and is left alone: it alone writes an origin line
 * with user name `-` and address 0.0.0.0 (libdatachannel: `rtc` and 127.0.0.1; Chromium and wrtc: `-` and 127.0.0.1;
 * Firefox: `mozilla…` and 0.0.0.0).
 */
export function askOffererToStartDtls(offer: string): string {
  if (/^o=- \d+ \d+ IN IP4 0\.0\.0\.0\r?$/m.test(offer)) return offer;
  return offer.replaceAll(/^a=setup:actpass(?=\r?$)/gm, "a=setup:active");
}

/** Whether an answer leaves it to the offerer to start DTLS. */
export function asksOffererToStartDtls(answer: string): boolean {
  return /^a=setup:passive\r?$/m.test(answer);
}

function isPrintable(text: string): boolean {
  return /^[\x20-\x7e\r\n]*$/.test(text);
}

function hasOneDataSection(lines: readonly string[]): boolean {
  const media = lines.filter((line) => line.startsWith("m="));
  return (
    media.length === 1 && /^m=application [1-9]\d{0,4} (?:UDP|TCP)\/DTLS\/SCTP webrtc-datachannel$/.test(media[0] ?? "")
  );
}

function valuesOf(lines: readonly string[], attribute: string): string[] {
  const prefix = `a=${attribute}:`;
  return lines.filter((line) => line.startsWith(prefix)).map((line) => line.slice(prefix.length));
}

function isSetup(values: readonly string[], type: DescriptionType): boolean {
  const [value] = values;
  return (
    values.length === 1 && (value === "active" || value === "passive" || (type === "offer" && value === "actpass"))
  );
}

function readMaxMessageBytes(lines: readonly string[]): number | undefined {
  const values = valuesOf(lines, "max-message-size");
  if (values.length === 0) return unsaidMaxMessageBytes;
  if (values.length > 1 || !/^\d{1,10}$/.test(values[0] ?? "")) return undefined;
  return Number(values[0]) || Number.POSITIVE_INFINITY;
}

function readCandidates(lines: readonly string[]): CandidateFacts[] | undefined {
  const texts = lines.filter((line) => line.startsWith("a=candidate:"));
  if (texts.length > limits.candidates) return undefined;
  const candidates = texts.map(readCandidate).filter((candidate) => candidate !== undefined);
  return candidates.length === texts.length ? candidates : undefined;
}
