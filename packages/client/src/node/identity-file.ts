import {
  createEncryptionKey,
  exportEncryptionKey,
  exportSigner,
  importEncryptionKey,
  importSigner,
} from "@parley/core";
import { compactSchema, id32Schema, labelSchema, limits, memberKindSchema, nameSchema } from "@parley/protocol";
import { z } from "zod";

import type { IdentityDraft } from "../identity-draft.ts";

const time = z.int().min(0);
const storedKey = z.string().min(1).max(256);
const mostEncryptionKeys = 16;

/** `identity.json`: the private keys of a member on one device. */
export const identityFileSchema = z.strictObject({
  version: z.literal(1),
  name: nameSchema,
  kind: memberKindSchema,
  label: labelSchema,
  /** First root key, public. */
  rootKey: id32Schema,
  /** Current root key, private; absent on a device that another one certified. */
  root: storedKey.optional(),
  rotations: z.array(compactSchema).max(limits.rotations),
  device: storedKey,
  /** Newest last. */
  encryption: z
    .array(z.strictObject({ key: storedKey, since: time }))
    .min(1)
    .max(mostEncryptionKeys),
  member: id32Schema,
});
export type IdentityFile = z.infer<typeof identityFileSchema>;

/** How long an encryption key is handed out. */
export const encryptionKeyLifeMs = 7 * 86_400_000;
/** How long an old encryption key is kept for frames still under way: as long as an envelope may live. */
export const encryptionKeyKeepMs = limits.expiryMs;

/** A new draft as the file that keeps it. */
export async function identityFileOf(draft: IdentityDraft, now: number): Promise<IdentityFile> {
  const keys = await Promise.all(
    draft.encryptionKeys.map(async (key) => ({ key: await exportEncryptionKey(key), since: now })),
  );
  return {
    version: 1,
    name: draft.name,
    kind: draft.kind,
    label: draft.label,
    rootKey: draft.rootKey,
    ...(draft.root === undefined ? {} : { root: await exportSigner(draft.root) }),
    rotations: [...draft.rotations],
    device: await exportSigner(draft.device),
    encryption: keys,
    member: draft.member,
  };
}

/** The keys of a file, ready for use. Throws `invalid_argument` when one cannot be read. */
export async function identityDraftOf(file: IdentityFile): Promise<IdentityDraft> {
  const [root, device, encryptionKeys] = await Promise.all([
    file.root === undefined ? undefined : importSigner("member", file.root),
    importSigner("device", file.device),
    Promise.all(file.encryption.map(({ key }) => importEncryptionKey(key))),
  ]);
  const { member, name, kind, rootKey, rotations, label } = file;
  return { member, name, kind, root, rootKey, rotations, device, label, encryptionKeys };
}

/** A file with a fresh encryption key when the newest is a week old; undefined when nothing is due. */
export async function rotateEncryption(file: IdentityFile, now: number): Promise<IdentityFile | undefined> {
  const newest = file.encryption.at(-1);
  if (newest === undefined || file.root === undefined || now - newest.since < encryptionKeyLifeMs) return undefined;
  // A key went out of use when the one after it began.
  const kept = file.encryption.filter(
    (_, index) => now - (file.encryption[index + 1]?.since ?? now) < encryptionKeyKeepMs,
  );
  const fresh = { key: await exportEncryptionKey(await createEncryptionKey()), since: now };
  return { ...file, encryption: [...kept, fresh].slice(-mostEncryptionKeys) };
}
