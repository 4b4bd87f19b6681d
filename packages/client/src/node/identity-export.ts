/** A member's keys under a passphrase: scrypt (RFC 7914) and AES-256-GCM, in one JSON text that can be kept anywhere. */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";

import { fromBase64url, ParleyError, parseJson, toBase64url } from "@parley/protocol";
import { z } from "zod";

import { identityFileSchema } from "./identity-file.ts";
import { meshFileSchema } from "./mesh-file.ts";

/** Costs about half a second and 128 MiB: what OWASP's password storage notes name as the least. */
const cost = { N: 131_072, r: 8, p: 1 } as const;
/** Above this a foreign file could fill the memory. */
const mostN = 1_048_576;
const mostExportCharacters = 32 * 1024 * 1024;
/** A shorter passphrase is refused at export. */
export const leastPassphraseCharacters = 10;

const contentSchema = z.strictObject({ identity: identityFileSchema, mesh: meshFileSchema.optional() });
export type ExportedIdentity = z.infer<typeof contentSchema>;

const envelopeSchema = z.strictObject({
  parley: z.literal("identity"),
  version: z.literal(1),
  kdf: z.strictObject({
    name: z.literal("scrypt"),
    N: z
      .int()
      .min(16_384)
      .max(mostN)
      .refine((n) => (n & (n - 1)) === 0),
    r: z.literal(8),
    p: z.int().min(1).max(4),
    salt: z.string().max(64),
  }),
  cipher: z.strictObject({ name: z.literal("aes-256-gcm"), nonce: z.string().length(16) }),
  data: z.string(),
});
type ExportEnvelope = z.infer<typeof envelopeSchema>;

function deriveKey(passphrase: string, { N, r, p, salt }: ExportEnvelope["kdf"]): Promise<Buffer> {
  const saltBytes = fromBase64url(salt) ?? new Uint8Array();
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize("NFKC"), saltBytes, 32, { N, r, p, maxmem: 256 * N * r }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    );
  });
}

/** The header is authenticated with the content: nobody can weaken it. */
const headerOf = ({ kdf, cipher }: Pick<ExportEnvelope, "kdf" | "cipher">): Buffer =>
  Buffer.from(
    JSON.stringify(["parley identity v1", kdf.name, kdf.N, kdf.r, kdf.p, kdf.salt, cipher.name, cipher.nonce]),
  );

/** Seals keys and pins. Throws `invalid_argument` when the passphrase is too short. */
export async function sealIdentity(content: ExportedIdentity, passphrase: string): Promise<string> {
  if (passphrase.length < leastPassphraseCharacters)
    throw new ParleyError("invalid_argument", {
      message: `The passphrase needs at least ${leastPassphraseCharacters} characters.`,
    });
  const kdf = { name: "scrypt" as const, ...cost, salt: toBase64url(randomBytes(16)) };
  const nonce = randomBytes(12);
  const cipher = { name: "aes-256-gcm" as const, nonce: toBase64url(nonce) };
  const gcm = createCipheriv("aes-256-gcm", await deriveKey(passphrase, kdf), nonce);
  gcm.setAAD(headerOf({ kdf, cipher }));
  const sealed = Buffer.concat([gcm.update(JSON.stringify(content), "utf8"), gcm.final(), gcm.getAuthTag()]);
  return `${JSON.stringify({ parley: "identity", version: 1, kdf, cipher, data: toBase64url(sealed) } satisfies ExportEnvelope)}\n`;
}

/** Opens what `sealIdentity` made. Throws `invalid_argument` for another file, `cannot_open` for a wrong passphrase. */
export async function openIdentity(text: string, passphrase: string): Promise<ExportedIdentity> {
  const json = parseJson(text, mostExportCharacters);
  const envelope = json.ok ? envelopeSchema.safeParse(json.value) : undefined;
  if (envelope?.success !== true)
    throw new ParleyError("invalid_argument", {
      message: "This is not an exported identity; `parley identity export` writes one.",
    });
  const { kdf, cipher, data } = envelope.data;
  const sealed = fromBase64url(data) ?? new Uint8Array();
  const tagAt = Math.max(0, sealed.length - 16);
  const key = await deriveKey(passphrase, kdf);
  try {
    const gcm = createDecipheriv("aes-256-gcm", key, fromBase64url(cipher.nonce) ?? new Uint8Array());
    gcm.setAAD(headerOf({ kdf, cipher }));
    gcm.setAuthTag(sealed.subarray(tagAt));
    const opened = Buffer.concat([gcm.update(sealed.subarray(0, tagAt)), gcm.final()]).toString("utf8");
    return contentSchema.parse(JSON.parse(opened));
  } catch (cause) {
    throw new ParleyError("cannot_open", {
      message: "The passphrase is wrong, or the exported identity was changed.",
      cause,
    });
  }
}
