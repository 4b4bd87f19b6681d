import {
  blobContentBytes,
  blobPartCount,
  blobPartSize,
  type BlobRef,
  type ErrorCode,
  limits,
  ParleyError,
  toParleyError,
} from "@parley/protocol";

import { ahead } from "./ahead.ts";
import type { BlobHttp } from "./blob-http.ts";
import type { ContentSource } from "./content-source.ts";
import { ContentHash, contentKey, hexHash, PartSealer } from "./part-sealer.ts";
import { canceled, persist, type PersistenceOptions } from "./persistence.ts";
import { partsAtOnce, type TransferProgress } from "./transfer.ts";

export interface UploadOptions extends PersistenceOptions {
  readonly http: BlobHttp;
  readonly mesh: string;
  /** The device's own secret, 32 bytes, from which content keys come. */
  readonly secret: Uint8Array<ArrayBuffer>;
  /** Milliseconds since 1970 by the registry's clock. */
  readonly now: () => number;
}

export interface UploadRequest {
  readonly source: ContentSource;
  readonly ttlMs: number;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: TransferProgress) => void;
}

type Uploaded = Pick<BlobRef, "size" | "sha256" | "key" | "expires" | "parts">;

interface UploadedPart {
  readonly hash: string;
  readonly bytes: number;
  readonly expires: number;
}

/** A part that lasts at least this share of the time that was asked for is not sent again. */
const enoughOfLife = 7 / 8;
/** After these the parts that were sent are only in the way. */
const noRoom: readonly ErrorCode[] = ["limit_reached", "storage_full"];

/**
 * Seals content in parts and brings to the registry those that it does not hold. The same content gives the same parts, so
 * after a break, or a restart of the process, the same call goes on where it was.
 */
export async function upload(options: UploadOptions, request: UploadRequest): Promise<Uploaded> {
  const { http, mesh, secret, now } = options;
  const { source, ttlMs, signal, onProgress } = request;
  if (source.size > limits.attachmentBytes)
    throw new ParleyError("too_large", { message: `An attachment has at most ${limits.attachmentBytes} bytes.` });
  const { sha256, parts: known } = await survey(source, signal, onProgress);
  const key = await contentKey(secret, mesh, sha256, source.size);
  const sealer = await PartSealer.create(mesh, { key, size: source.size });
  const begun = now();
  const least = begun + Math.floor(ttlMs * enoughOfLife);
  const begunNow: string[] = [];
  const send = async (part: number, ending: AbortSignal): Promise<UploadedPart> => {
    const content = await partOf(source, part);
    // Two different plaintexts must never be sealed with one key and nonce.
    if ((await hexHash(content)) !== known[part]) throw changed();
    const sealed = await sealer.seal(part, content);
    const hash = await hexHash(sealed);
    const held = await persist(options, ending, () => http.heldUntil(hash, ending));
    if (held === undefined) begunNow.push(hash);
    const expires =
      held !== undefined && held >= least
        ? held
        : await persist(options, ending, () => http.put(hash, sealed, begun + ttlMs, ending));
    return { hash, bytes: sealed.length, expires };
  };
  const parts: UploadedPart[] = [];
  try {
    let done = 0;
    for await (const part of ahead({ from: 0, to: sealer.count, width: partsAtOnce }, signal, send)) {
      parts.push(part);
      done += blobPartSize(source.size, parts.length - 1);
      onProgress({ step: "transfer", done, total: source.size });
    }
  } catch (error) {
    const coded = toParleyError(error);
    if (noRoom.includes(coded.code)) await withdraw(http, begunNow, signal);
    throw coded;
  }
  return {
    size: source.size,
    sha256,
    key,
    expires: Math.min(...parts.map(({ expires }) => expires)),
    parts: parts.map(({ hash, bytes }) => ({ hash, bytes })),
  };
}

/** The hash of the content, and of each part of it. */
async function survey(
  source: ContentSource,
  signal: AbortSignal,
  onProgress: (progress: TransferProgress) => void,
): Promise<{ readonly sha256: string; readonly parts: readonly string[] }> {
  const whole = new ContentHash();
  const parts: string[] = [];
  let done = 0;
  for (let part = 0; part < blobPartCount(source.size); part++) {
    if (signal.aborted) throw canceled(signal);
    const content = await partOf(source, part);
    whole.update(content);
    parts.push(await hexHash(content));
    done += content.length;
    onProgress({ step: "check", done, total: source.size });
  }
  return { sha256: whole.digest(), parts };
}

async function partOf(source: ContentSource, part: number): Promise<Uint8Array<ArrayBuffer>> {
  const from = part * blobContentBytes;
  const size = blobPartSize(source.size, part);
  const content = await source.read(from, from + size);
  if (content.length !== size) throw changed();
  return content;
}

const changed = (): ParleyError =>
  new ParleyError("conflict", { message: "The content changed while it was read; attach it again." });

/** Gives back the room of parts that are of no use without the others. */
async function withdraw(http: BlobHttp, hashes: readonly string[], signal: AbortSignal): Promise<void> {
  for (const hash of hashes) await http.delete(hash, signal).catch(() => undefined);
}
