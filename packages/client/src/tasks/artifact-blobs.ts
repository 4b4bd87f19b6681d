/** Content of artifacts that no envelope can carry: left at the registry, sealed, by the agent, and fetched by the caller's library. */
import {
  artifactBlobExtension,
  type ArtifactBlob,
  artifactBlobSchema,
  type BlobRef,
  limits,
  ParleyError,
  parseJson,
  type Part,
  type StreamResponse,
} from "@parley/protocol";

import type { Attachments } from "../blobs/attachments.ts";
import { MemorySink } from "../blobs/content-sink.ts";
import { blobSource } from "../blobs/content-source.ts";
import { textOf } from "../body.ts";
import { jsonBytes, mostEventBytes } from "./task-pieces.ts";

type Store = Pick<Attachments, "attach" | "fetch">;

/** What stands in `url` of a part whose content lies at the registry. */
const blobUrl = "parley:blob";
/** A part that is smaller than this stays where it is. */
const smallBytes = 16 * 1024;
/** Room for what stands around the parts. */
const aroundBytes = 8 * 1024;
const lifeMs = 24 * 3_600_000;

/** Leaves the largest parts at the registry until the rest fits into an envelope. */
export async function leaveParts(store: Store, parts: readonly Part[], signal: AbortSignal): Promise<Part[]> {
  const sizes = parts.map((part) => jsonBytes(part));
  let total = sizes.reduce((sum, size) => sum + size, 0);
  const bySize = sizes.map((size, index) => ({ size, index })).toSorted((one, other) => other.size - one.size);
  const left = [...parts];
  for (const { size, index } of bySize) {
    if (total <= mostEventBytes - aroundBytes || size <= smallBytes) break;
    const part = parts[index];
    const left1 = part && (await leavePart(store, part, signal));
    if (left1 === undefined) continue;
    left[index] = left1;
    total += jsonBytes(left1) - size;
  }
  if (total > mostEventBytes - aroundBytes)
    throw new ParleyError("too_large", { message: "The parts of an artifact that are not content are too large." });
  return left;
}

async function leavePart(store: Store, part: Part, signal: AbortSignal): Promise<Part | undefined> {
  const content = contentOf(part);
  if (content === undefined) return undefined;
  const { holds, bytes } = content;
  const type = part.mediaType ?? (holds === "data" ? "application/json" : "text/plain");
  const ref = await store.attach(blobSource(new Blob([bytes])), {
    name: (part.filename ?? "artifact").slice(0, limits.attachmentNameCharacters) || "artifact",
    type: type.slice(0, limits.attachmentTypeCharacters),
    ttlMs: lifeMs,
    signal,
  });
  const { text: _text, raw: _raw, data: _data, ...rest } = part;
  const blob: ArtifactBlob = { holds, ref, size: bytes.length };
  return { ...rest, url: blobUrl, metadata: { ...part.metadata, [artifactBlobExtension]: blob } };
}

function contentOf({
  text,
  raw,
  data,
}: Part): { readonly holds: ArtifactBlob["holds"]; readonly bytes: Uint8Array<ArrayBuffer> } | undefined {
  const encoder = new TextEncoder();
  if (text !== undefined) return { holds: "text", bytes: encoder.encode(text) };
  if (raw !== undefined) return { holds: "raw", bytes: encoder.encode(raw) };
  return data === undefined ? undefined : { holds: "data", bytes: encoder.encode(JSON.stringify(data)) };
}

/** What of a part lies at the registry; undefined where it is all here. */
export function blobOf(part: Part): (ArtifactBlob & { readonly ref: BlobRef }) | undefined {
  const said = part.url === blobUrl ? part.metadata?.[artifactBlobExtension] : undefined;
  const blob = artifactBlobSchema.safeParse(said);
  const ref = blob.data?.ref;
  return blob.data === undefined || ref === undefined ? undefined : { ...blob.data, ref };
}

function partsIn({ task, artifactUpdate }: StreamResponse): readonly Part[] {
  return [...(task?.artifacts ?? []), ...(artifactUpdate === undefined ? [] : [artifactUpdate.artifact])].flatMap(
    ({ parts }) => parts,
  );
}

const isFetched = (part: Part): boolean => (blobOf(part)?.ref.size ?? Infinity) <= limits.artifactBytes;

/** Whether an event has content that is to be fetched before it is told. */
export const hasBlobs = (event: StreamResponse): boolean => partsIn(event).some(isFetched);

/** The event with its content in it. What is larger than `limits.artifactBytes` stays where it is. Throws as a fetch does. */
export async function fetchParts(store: Store, event: StreamResponse, signal: AbortSignal): Promise<StreamResponse> {
  let room: number = limits.artifactBytes;
  const whole = async (parts: readonly Part[]): Promise<Part[]> => {
    const fetched: Part[] = [];
    for (const part of parts) {
      const blob = blobOf(part);
      if (blob === undefined || blob.ref.size > room) fetched.push(part);
      else {
        room -= blob.ref.size;
        fetched.push(await fetchPart(store, part, blob, signal));
      }
    }
    return fetched;
  };
  const { task, artifactUpdate } = event;
  if (artifactUpdate !== undefined) {
    const { artifact } = artifactUpdate;
    return { artifactUpdate: { ...artifactUpdate, artifact: { ...artifact, parts: await whole(artifact.parts) } } };
  }
  if (task?.artifacts === undefined) return event;
  const artifacts = [];
  for (const artifact of task.artifacts) artifacts.push({ ...artifact, parts: await whole(artifact.parts) });
  return { task: { ...task, artifacts } };
}

async function fetchPart(
  store: Store,
  whole: Part,
  { holds, ref, size }: ArtifactBlob & { readonly ref: BlobRef },
  signal: AbortSignal,
): Promise<Part> {
  const { url: _, ...part } = whole;
  const sink = new MemorySink();
  await store.fetch(ref, sink, { signal });
  const text = textOf(sink.bytes);
  const metadata = { ...part.metadata, [artifactBlobExtension]: { holds, size } };
  if (holds === "raw") return { ...part, raw: text, metadata };
  if (holds === "text") return { ...part, text, metadata };
  const json = parseJson(text, limits.artifactBytes);
  if (!json.ok) throw new ParleyError("invalid_output", { message: `Data at the registry: ${json.message}` });
  return { ...part, data: json.value, metadata };
}
