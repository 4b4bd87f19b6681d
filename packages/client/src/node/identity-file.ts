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
  /** The root key that is to follow, see `Identity`. */
  next: z.strictObject({ root: storedKey, rotation: compactSchema }).optional(),
  device: storedKey,
  /** The device's sealing key; absent in homes of earlier versions. */
  sealing: storedKey.optional(),
  /** Newest last. */
  encryption: z
    .array(z.strictObject({ key: storedKey, since: time }))
    .min(1)
    .max(limits.encryptionKeys),
  member: id32Schema,
});
export type IdentityFile = z.infer<typeof identityFileSchema>;

/** How long an old encryption key is kept for frames still under way: as long as an envelope may live. */
export const encryptionKeyKeepMs = limits.expiryMs;

/** A draft as the file that keeps it. `before` says since when keys are in use that it holds already. */
export async function identityFileOf(draft: IdentityDraft, now: number, before?: IdentityFile): Promise<IdentityFile> {
  const since = new Map(before?.encryption.map((kept) => [kept.key, kept.since]));
  const keys = await Promise.all(draft.encryptionKeys.map((key) => exportEncryptionKey(key)));
  const encryption = keys.map((key) => ({ key, since: since.get(key) ?? now }));
  return {
    version: 1,
    name: draft.name,
    kind: draft.kind,
    label: draft.label,
    rootKey: draft.rootKey,
    ...(draft.root === undefined ? {} : { root: await exportSigner(draft.root) }),
    rotations: [...draft.rotations],
    ...(draft.next === undefined
      ? {}
      : { next: { root: await exportSigner(draft.next.root), rotation: draft.next.rotation } }),
    device: await exportSigner(draft.device),
    ...(draft.sealing === undefined ? {} : { sealing: await exportEncryptionKey(draft.sealing) }),
    // A key went out of use when the one after it began.
    encryption: encryption.filter((_, index) => now - (encryption[index + 1]?.since ?? now) < encryptionKeyKeepMs),
    member: draft.member,
  };
}

/** The keys of a file, ready for use. Throws `invalid_argument` when one cannot be read. */
export async function identityDraftOf(file: IdentityFile): Promise<IdentityDraft> {
  const [root, next, device, sealing, encryptionKeys] = await Promise.all([
    file.root === undefined ? undefined : importSigner("member", file.root),
    file.next === undefined ? undefined : importSigner("member", file.next.root),
    importSigner("device", file.device),
    file.sealing === undefined ? undefined : importEncryptionKey(file.sealing),
    Promise.all(file.encryption.map(({ key }) => importEncryptionKey(key))),
  ]);
  const { member, name, kind, rootKey, rotations, label } = file;
  const following =
    next === undefined || file.next === undefined ? {} : { next: { root: next, rotation: file.next.rotation } };
  return { member, name, kind, root, rootKey, rotations, ...following, device, sealing, label, encryptionKeys };
}

/** A file of an earlier version with a sealing key; undefined when it has one or another device has to list it. */
export async function withSealingKey(file: IdentityFile): Promise<IdentityFile | undefined> {
  if (file.sealing !== undefined || file.root === undefined) return undefined;
  return { ...file, sealing: await exportEncryptionKey(await createEncryptionKey()) };
}
