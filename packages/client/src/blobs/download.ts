import { blobContentBytes, blobPartSize, type BlobRef, ParleyError, toParleyError } from "@parley/protocol";

import { ahead } from "./ahead.ts";
import { type BlobHttp, IncomingPart } from "./blob-http.ts";
import type { ContentSink } from "./content-sink.ts";
import { ContentHash, hexHash, PartSealer } from "./part-sealer.ts";
import { canceled, persist, type PersistenceOptions } from "./persistence.ts";
import { partsAtOnce, type TransferProgress } from "./transfer.ts";

export interface DownloadOptions extends PersistenceOptions {
  readonly http: BlobHttp;
  readonly mesh: string;
  /** Milliseconds since 1970 by the registry's clock. */
  readonly now: () => number;
}

export interface DownloadRequest {
  readonly ref: BlobRef;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: TransferProgress) => void;
}

/** A place in the content up to which everything is known to be right. */
interface Verified {
  parts: number;
  readonly whole: ContentHash;
}

/**
 * The content, part by part, each one checked before it is given out. The last step checks the whole: whoever stops before
 * the end has only checked parts. Throws `bad_signature` or `cannot_open` for what is not the content, `expired` or
 * `not_found` for what the registry does not have any more.
 */
export async function* readContent(
  options: DownloadOptions,
  request: DownloadRequest,
  start: Verified = { parts: 0, whole: new ContentHash() },
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const { ref, signal, onProgress } = request;
  const sealer = await PartSealer.create(options.mesh, ref);
  const fetchPart = async (part: number, ending: AbortSignal): Promise<Uint8Array<ArrayBuffer>> =>
    sealer.open(part, await fetchSealed(options, ref, part, ending));
  let done = Math.min(start.parts * blobContentBytes, ref.size);
  for await (const content of ahead({ from: start.parts, to: sealer.count, width: partsAtOnce }, signal, fetchPart)) {
    start.whole.update(content);
    done += content.length;
    yield content;
    onProgress({ step: "transfer", done, total: ref.size });
  }
  if (start.whole.digest() !== ref.sha256)
    throw new ParleyError("bad_signature", { message: "The content is not the one that was attached." });
}

/** Fetches content into a sink. What an earlier try left there is used as far as it is right. */
export async function download(options: DownloadOptions, request: DownloadRequest, sink: ContentSink): Promise<void> {
  const { ref } = request;
  let keep = true;
  let at = 0;
  const left = await sink.open(ref);
  try {
    const start = await verifyKept(options, request, sink, left);
    at = Math.min(start.parts * blobContentBytes, ref.size);
    for await (const content of readContent(options, request, start)) {
      await sink.write(at, content);
      at += content.length;
    }
    await sink.commit();
  } catch (error) {
    const coded = toParleyError(error);
    // Every part was as its sender sealed it and the whole is not: no next try would end otherwise.
    keep = coded.code !== "bad_signature" || at < ref.size;
    throw coded;
  } finally {
    await sink.close(keep);
  }
}

/** Sealing is the same each time: content that is there is right when it seals to the hash in the reference. */
async function verifyKept(
  { mesh }: DownloadOptions,
  { ref, signal, onProgress }: DownloadRequest,
  sink: ContentSink,
  left: number,
): Promise<Verified> {
  const verified: Verified = { parts: 0, whole: new ContentHash() };
  const sealer = await PartSealer.create(mesh, ref);
  for (const [part, { hash }] of ref.parts.entries()) {
    const from = part * blobContentBytes;
    const to = from + blobPartSize(ref.size, part);
    if (to > left || left === 0) break;
    if (signal.aborted) throw canceled(signal);
    const content = await sink.read(from, to);
    if ((await hexHash(await sealer.seal(part, content))) !== hash) break;
    verified.whole.update(content);
    verified.parts++;
    onProgress({ step: "check", done: to, total: ref.size });
  }
  return verified;
}

async function fetchSealed(
  options: DownloadOptions,
  ref: BlobRef,
  part: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  const { hash, bytes } = ref.parts[part] ?? { hash: "", bytes: 0 };
  const incoming = new IncomingPart(hash, bytes);
  try {
    await persist(options, signal, () => options.http.get(incoming, signal));
  } catch (error) {
    const coded = toParleyError(error);
    if (coded.code !== "not_found") throw coded;
    const isOver = ref.expires <= options.now();
    throw new ParleyError(isOver ? "expired" : "not_found", {
      message: isOver
        ? "The attachment has expired at the registry; ask its sender for it again."
        : "The registry does not have the attachment any more; ask its sender for it again.",
      cause: coded,
    });
  }
  if ((await hexHash(incoming.bytes)) === hash) return incoming.bytes;
  throw new ParleyError("bad_signature", {
    message: `The registry sent other bytes than part ${part + 1} of ${ref.parts.length}; nothing of it was kept.`,
  });
}
