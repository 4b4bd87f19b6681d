/**
 * Blobs: sealed content by hash, for those who are away. A reference travels inside a message, sealed with it; the
 * registry sees only parts that it cannot open.
 *
 * Content is cut into parts of `blobContentBytes`, the last one shorter, at least one. Part `n` of `count`, from 0, is
 * AES-256-GCM (NIST SP 800-38D) under the reference's key, with `n` as nonce and `blobPartHeader` as associated data:
 * parts cannot be swapped, dropped, repeated or put in another order.
 */
import { z } from "zod";

import { fromBase64url, id32Schema } from "./ids.ts";
import { limits } from "./limits.ts";

/** A blob's name at the registry: SHA-256 of the sealed part, 64 lower-case hex digits. */
export const blobHashSchema = z.string().regex(/^[0-9a-f]{64}$/, "is not a SHA-256 in lower-case hex");

/** Bytes that sealing adds to a part: the tag. */
export const blobTagBytes = 16;

/** Content of one part, all but the last. */
export const blobContentBytes = limits.blobPartBytes - blobTagBytes;

/** Number of parts that content of this size is cut into. */
export const blobPartCount = (size: number): number => Math.max(1, Math.ceil(size / blobContentBytes));

/** Content bytes of one part. */
export function blobPartSize(size: number, part: number): number {
  return Math.max(0, Math.min(blobContentBytes, size - part * blobContentBytes));
}

const blobPartSchema = z.object({
  /** SHA-256 of the sealed part: its name at the registry. */
  hash: blobHashSchema,
  /** Sealed, tag included. */
  bytes: z.int().min(blobTagBytes).max(limits.blobPartBytes),
});

/** What a sender says of content: for showing, never to be used as a path or believed. */
export const blobLabelSchema = z.object({
  name: z.string().min(1).max(limits.attachmentNameCharacters),
  /** Media type (RFC 6838). */
  type: z.string().min(1).max(limits.attachmentTypeCharacters),
});

/** Everything that is needed to fetch, open and check a piece of content. Whoever has it can read the content. */
export const blobRefSchema = z
  .object({
    ...blobLabelSchema.shape,
    /** Bytes of content. */
    size: z.int().min(0).max(limits.attachmentBytes),
    /** SHA-256 of the content. */
    sha256: id32Schema,
    /** AES-256 key of this content alone. */
    key: id32Schema,
    /** Milliseconds since 1970 until which the registry keeps every part. */
    expires: z
      .int()
      .min(0)
      .max(2 ** 47),
    parts: z.array(blobPartSchema).min(1).max(limits.blobParts),
  })
  .refine(isConsistent, "its parts do not add up to its size");
export type BlobRef = z.infer<typeof blobRefSchema>;

function isConsistent({ size, parts }: { size: number; parts: readonly { readonly bytes: number }[] }): boolean {
  if (parts.length !== blobPartCount(size)) return false;
  return parts.every(({ bytes }, part) => bytes === blobPartSize(size, part) + blobTagBytes);
}

/** Associated data of a part: the mesh, the number of parts, this part's number and the size of the whole content. */
export function blobPartHeader(mesh: string, count: number, part: number, size: number): Uint8Array<ArrayBuffer> {
  const id = fromBase64url(mesh) ?? new Uint8Array();
  const header = new Uint8Array(id.length + 16);
  header.set(id);
  const view = new DataView(header.buffer, id.length);
  view.setUint32(0, count);
  view.setUint32(4, part);
  view.setBigUint64(8, BigInt(size));
  return header;
}

/** What a member holds at the registry, expired but unswept parts included. */
export const blobUsageSchema = z.strictObject({
  bytes: z.int().min(0),
  count: z.int().min(0),
});

/** What became of a `PUT`: whether this content was new, and until when the caller holds it. */
export const blobPutSchema = z.strictObject({ stored: z.boolean(), expires: z.int().min(0) });

/** What became of a `DELETE`: whether there was a hold of the caller. */
export const blobDeleteSchema = z.strictObject({ deleted: z.boolean() });

/** Header of answers about a blob: milliseconds since 1970 until which the caller itself holds it; absent without a hold. */
export const blobHeldUntilHeader = "parley-held-until";
