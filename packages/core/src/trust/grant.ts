/** Pre-approved invite links: what their secret stands for, and the admissions that are signed under them. */
import {
  foldName,
  fromBase64url,
  isNarrower,
  limits,
  ParleyError,
  type Statement,
  toBase64url,
} from "@parley/protocol";

import { idOfKey, importSigner, type Signer } from "./keys.ts";
import { peekStatement, verifyStatement } from "./statement.ts";

/** What PKCS #8 says before the 32 bytes of an Ed25519 seed (RFC 8410 section 7). */
const pkcs8Prefix = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const encoder = new TextEncoder();

/** What the secret of a pre-approved link gives. */
export interface InviteKeys {
  /** Shown to the registry in the place of the secret, 16 bytes in base64url. */
  readonly redeem: string;
  /** Signs the admission of whoever holds the link. */
  readonly signer: Signer;
}

/**
 * Derives them (HKDF-SHA-256, RFC 5869), each under its own label, so that the registry, which learns `redeem`, cannot make the
 * key of it. Throws `invalid_link` when the secret is not 16 bytes in base64url.
 */
export async function deriveInviteKeys(secret: string, mesh: string): Promise<InviteKeys> {
  const raw = fromBase64url(secret);
  if (raw?.length !== 16) throw new ParleyError("invalid_link");
  const key = await crypto.subtle.importKey("raw", raw, "HKDF", false, ["deriveBits"]);
  const derive = async (label: string, bytes: number): Promise<Uint8Array<ArrayBuffer>> => {
    const info = encoder.encode(`parley invite ${label} v1:${mesh}`);
    const algorithm = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(), info };
    return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, bytes * 8));
  };
  const [redeem, seed] = await Promise.all([derive("redeem", 16), derive("key", 32)]);
  const signer = await importSigner("invite", toBase64url(new Uint8Array([...pkcs8Prefix, ...seed])));
  return { redeem: toBase64url(redeem), signer };
}

type Grant = Statement<"grant">;
type Admission = Statement<"admission">;

const beyond = (what: string): ParleyError =>
  new ParleyError("bad_signature", { message: `An admission goes beyond its invite link: ${what}.` });

/** Verifies an admission that the invite key of `grant` signed. The grant was verified. Throws `bad_signature` or `wrong_mesh`. */
export async function verifyGranted(compact: string, grant: Grant): Promise<Admission & { readonly signer: string }> {
  const { signer } = peekStatement("admission", compact);
  if (signer !== (await idOfKey("invite", grant.key))) throw beyond("it is signed by another key");
  const admission = await verifyStatement("admission", compact, grant.key);
  if (admission.mesh !== grant.mesh) throw new ParleyError("wrong_mesh");
  checkWithin(admission, grant);
  return { ...admission, signer };
}

function checkWithin(admission: Admission, grant: Grant): void {
  const granted: readonly string[] = grant.roles;
  if (!admission.roles.every((role) => granted.includes(role))) throw beyond("its roles");
  if (grant.kind !== undefined && admission.kind !== grant.kind) throw beyond("its kind");
  if (grant.name !== undefined && foldName(admission.name) !== foldName(grant.name)) throw beyond("its name");
  if (!isNarrower(admission.scope, grant.scope)) throw beyond("its scope");
  if (admission.exp > grant.until) throw beyond("its end");
  if (admission.iat < grant.iat - limits.clockSkewMs || admission.iat > grant.exp) throw beyond("its time");
  // Whatever an operator says of the member later has a higher number.
  if (admission.number !== 1) throw beyond("its number");
  if (admission.replaces !== undefined) throw beyond("it takes a name over");
}
