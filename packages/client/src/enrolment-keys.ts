/**
 * What the secret of a device link stands for. Both sides derive the same three things from it (HKDF-SHA-256, RFC 5869),
 * each under its own label: the id under which they meet at the registry, the key of the request's MAC, and the key that
 * the answer is sealed under. The registry only ever sees the id, which says nothing about the other two.
 */
import { idOfKey, type Random } from "@parley/core";
import { type EnrolmentAsk, fromBase64url, ParleyError, parseJson, toBase64url } from "@parley/protocol";

const encoder = new TextEncoder();
const nonceBytes = 12;
const mostAnswerCharacters = 512 * 1024;

export interface EnrolmentKeys {
  /** Id of the enrolment at the registry. */
  readonly id: string;
  readonly mesh: string;
  readonly member: string;
  readonly mac: CryptoKey;
  readonly answer: CryptoKey;
}

async function derive(
  secret: CryptoKey,
  label: string,
  parties: string,
  bytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const info = encoder.encode(`parley enrolment ${label} v1:${parties}`);
  const bits = await crypto.subtle.deriveBits(
    { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info },
    secret,
    bytes * 8,
  );
  return new Uint8Array(bits);
}

/** Derives the keys from a link's secret, 16 bytes in base64url. */
export async function deriveEnrolmentKeys(secret: string, mesh: string, member: string): Promise<EnrolmentKeys> {
  const raw = fromBase64url(secret) ?? new Uint8Array();
  const key = await crypto.subtle.importKey("raw", raw, "HKDF", false, ["deriveBits"]);
  const parties = `${mesh}:${member}`;
  const [id, mac, answer] = await Promise.all([
    derive(key, "rendezvous", parties, 16),
    derive(key, "request", parties, 32),
    derive(key, "answer", parties, 32),
  ]);
  return {
    id: toBase64url(id),
    mesh,
    member,
    mac: await crypto.subtle.importKey("raw", mac, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]),
    answer: await crypto.subtle.importKey("raw", answer, "AES-GCM", false, ["encrypt", "decrypt"]),
  };
}

/** What the MAC covers: one spelling of every field, in this order. */
function askBytes(keys: EnrolmentKeys, ask: Omit<EnrolmentAsk, "proof">): Uint8Array<ArrayBuffer> {
  const fields = [keys.mesh, keys.member, keys.id, ask.key, ask.seal, ask.label, ask.iat];
  return encoder.encode(`parley enrolment request v1\0${JSON.stringify(fields)}`);
}

/** Completes a request with its proof. */
export async function proveAsk(keys: EnrolmentKeys, ask: Omit<EnrolmentAsk, "proof">): Promise<EnrolmentAsk> {
  const proof = await crypto.subtle.sign("HMAC", keys.mac, askBytes(keys, ask));
  return { ...ask, proof: toBase64url(new Uint8Array(proof)) };
}

/** Checks that a request comes from somebody who has the link. Throws `bad_signature`. */
export async function verifyAsk(keys: EnrolmentKeys, ask: EnrolmentAsk): Promise<{ readonly device: string }> {
  const { proof, ...rest } = ask;
  const bytes = fromBase64url(proof) ?? new Uint8Array();
  if (!(await crypto.subtle.verify("HMAC", keys.mac, bytes, askBytes(keys, rest))))
    throw new ParleyError("bad_signature", {
      message: "What asks to become a device does not hold this link: somebody changed the request on its way.",
    });
  return { device: await idOfKey("device", ask.key) };
}

/** An answer opens only for the request that it answers. */
function answerContext(keys: EnrolmentKeys, ask: EnrolmentAsk): Uint8Array<ArrayBuffer> {
  return encoder.encode(`parley enrolment answer v1:${keys.mesh}:${keys.member}:${keys.id}:${ask.proof}`);
}

/** Seals an answer for the device that asked. */
export async function sealAnswer(
  keys: EnrolmentKeys,
  ask: EnrolmentAsk,
  answer: unknown,
  random: Random,
): Promise<string> {
  const iv = new Uint8Array(random.bytes(nonceBytes));
  const sealed = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv, additionalData: answerContext(keys, ask) },
    keys.answer,
    encoder.encode(JSON.stringify(answer)),
  );
  const bytes = new Uint8Array(nonceBytes + sealed.byteLength);
  bytes.set(iv, 0);
  bytes.set(new Uint8Array(sealed), nonceBytes);
  return toBase64url(bytes);
}

/** Opens an answer. Throws `bad_signature` when it was not made by who gave out the link. */
export async function openAnswer(keys: EnrolmentKeys, ask: EnrolmentAsk, answer: string): Promise<unknown> {
  const changed = (cause?: unknown): ParleyError =>
    new ParleyError("bad_signature", {
      message: "The answer does not come from the device that gave out this link; nothing was joined.",
      cause,
    });
  const bytes = fromBase64url(answer) ?? new Uint8Array();
  let text: string;
  try {
    const opened = await crypto.subtle.decrypt(
      {
        name: "AES-GCM",
        iv: bytes.subarray(0, nonceBytes),
        additionalData: answerContext(keys, ask),
      },
      keys.answer,
      bytes.subarray(nonceBytes),
    );
    text = new TextDecoder().decode(opened);
  } catch (cause) {
    throw changed(cause);
  }
  const json = parseJson(text, mostAnswerCharacters);
  if (!json.ok) throw changed();
  return json.value;
}
