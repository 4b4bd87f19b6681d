import {
  fromBase64url,
  issueOf,
  limits,
  parseJson,
  ParleyError,
  type Statement,
  statementSchemas,
  statementTyp,
  type StatementType,
} from "@parley/protocol";
/** Signing and verifying statements as compact JWS (RFC 7515) with Ed25519 (RFC 8037). */
import { CompactSign, compactVerify, decodeProtectedHeader } from "jose";

import { type Signer, verifyKey } from "./keys.ts";

const signatureBytes = 64;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Signs a statement. Throws `invalid_argument` when the payload is not of its form, `too_large` when it is too long. */
export async function signStatement<Type extends StatementType>(
  type: Type,
  payload: Statement<Type>,
  signer: Signer,
): Promise<string> {
  const parsed = statementSchemas[type].safeParse(payload);
  if (!parsed.success)
    throw new ParleyError("invalid_argument", { message: `${type} statement: ${issueOf(parsed.error)}` });
  const compact = await new CompactSign(encoder.encode(JSON.stringify(parsed.data)))
    .setProtectedHeader({ alg: "EdDSA", typ: statementTyp(type), kid: signer.id })
    .sign(signer.privateKey);
  if (compact.length > limits.statementBytes)
    throw new ParleyError("too_large", { message: `A ${type} statement is larger than the limit.` });
  return compact;
}

function parsePayload<Type extends StatementType>(type: Type, text: string): Statement<Type> {
  const json = parseJson(text, limits.statementBytes);
  const parsed = json.ok ? statementSchemas[type].safeParse(json.value) : undefined;
  if (parsed?.success !== true)
    throw new ParleyError("bad_signature", { message: `A ${type} statement is not of the documented form.` });
  return parsed.data as Statement<Type>;
}

/** What a statement claims, before anything is verified: only for finding the key to verify it with. */
export function peekStatement<Type extends StatementType>(
  type: Type,
  compact: string,
): Statement<Type> & { readonly signer: string } {
  if (compact.length > limits.statementBytes)
    throw new ParleyError("too_large", { message: `A ${type} statement is larger than the limit.` });
  try {
    const header = decodeProtectedHeader(compact);
    if (header.typ === statementTyp(type) && header.alg === "EdDSA") {
      const payload = fromBase64url(compact.split(".")[1] ?? "") ?? new Uint8Array();
      return { ...parsePayload(type, decoder.decode(payload)), signer: header.kid ?? "" };
    }
  } catch (cause) {
    throw new ParleyError("bad_signature", { message: `A ${type} statement cannot be read.`, cause });
  }
  throw new ParleyError("bad_signature", { message: `Expected a ${type} statement and got another.` });
}

/** Statements are known by their hashes: a signature must not have a second spelling (padding, unused bits of base64url). */
const hasOneForm = (compact: string): boolean =>
  fromBase64url(compact.slice(compact.lastIndexOf(".") + 1))?.length === signatureBytes;

/** Verifies a statement with a raw public key. Throws `bad_signature` whatever is wrong with it. */
export async function verifyStatement<Type extends StatementType>(
  type: Type,
  compact: string,
  publicKey: string,
): Promise<Statement<Type>> {
  if (compact.length > limits.statementBytes)
    throw new ParleyError("too_large", { message: `A ${type} statement is larger than the limit.` });
  if (!hasOneForm(compact))
    throw new ParleyError("bad_signature", { message: `The signature of a ${type} statement is not in its one form.` });
  const key = await verifyKey(publicKey);
  try {
    const { payload, protectedHeader } = await compactVerify(compact, key, { algorithms: ["EdDSA"] });
    if (protectedHeader.typ === statementTyp(type)) return parsePayload(type, decoder.decode(payload));
  } catch (cause) {
    throw new ParleyError("bad_signature", { message: `The signature of a ${type} statement does not match.`, cause });
  }
  throw new ParleyError("bad_signature", { message: `Expected a ${type} statement and got another.` });
}
