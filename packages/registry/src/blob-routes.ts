import type { BlobFacts, Blobs, StoredBlob } from "@parley/core";
import { blobHashSchema, blobHeldUntilHeader, limits, ParleyError } from "@parley/protocol";

import { parseRange } from "./byte-range.ts";
import type { RouteHandlers } from "./http-app.ts";
import { TransferSlots } from "./transfer-slots.ts";
import { toWireError } from "./wire-error.ts";

export interface BlobRoutesOptions {
  readonly blobs: Blobs;
  readonly now: () => number;
  readonly checkReady: () => void;
  /** Parts that one member, and all together, transfer at the same time. */
  readonly perMember: number;
  readonly inTotal: number;
}

/** Content of this name never changes: whoever has it may keep it, but no cache in between (RFC 9111, RFC 8246). */
const cacheControl = "private, immutable";

/**
 * Sealed parts by hash. Whoever is a member and knows the hash may read: the content is sealed, and a hash of sealed bytes
 * cannot be guessed.
 */
export function blobRoutes(
  options: BlobRoutesOptions,
): Pick<RouteHandlers, "putBlob" | "headBlob" | "getBlob" | "deleteBlob" | "blobUsage"> {
  const { blobs, now, checkReady } = options;
  const slots = new TransferSlots(options);
  return {
    async putBlob({ caller, param, query, bytes, whenDone }) {
      checkReady();
      const hash = hashOf(param("hash"));
      const expiresAt = expiryOf(query("expires"), now());
      whenDone(slots.take(caller.member));
      const { stored } = await blobs.put(hash, await bytes(limits.blobPartBytes), { owner: caller.member, expiresAt });
      const facts = await blobs.stat(hash, caller.member);
      return { stored, expires: facts?.heldUntil ?? expiresAt };
    },
    async headBlob({ caller, param }) {
      checkReady();
      const hash = hashOf(param("hash"));
      const facts = requireBlob(await blobs.stat(hash, caller.member));
      return new Response(null, { headers: { ...headersOf(hash, facts), "content-length": String(facts.bytes) } });
    },
    async getBlob({ caller, param, header, whenDone }) {
      checkReady();
      const hash = hashOf(param("hash"));
      const facts = requireBlob(await blobs.stat(hash, caller.member));
      const headers = headersOf(hash, facts);
      if (header("if-none-match") === headers.etag) return new Response(null, { status: 304, headers });
      whenDone(slots.take(caller.member));
      const { content } = requireBlob(await blobs.get(hash));
      // RFC 9110 section 13.1.5: the range holds only for the content that was meant.
      const isSame = [undefined, headers.etag].includes(header("if-range"));
      return partOf(content, isSame ? header("range") : undefined, headers);
    },
    async deleteBlob({ caller, param }) {
      checkReady();
      return { deleted: await blobs.delete(hashOf(param("hash")), caller.member) };
    },
    async blobUsage({ caller }) {
      checkReady();
      return { ...(await blobs.usage(caller.member)) };
    },
  };
}

function partOf(
  content: StoredBlob["content"],
  wanted: string | undefined,
  headers: Readonly<Record<string, string>>,
): Response {
  const { byteLength: size } = content;
  const range = parseRange(wanted, size);
  if (range === "unsatisfiable") {
    const error = toWireError(new ParleyError("invalid_argument", { message: `range: the part has ${size} bytes.` }));
    return Response.json({ error }, { status: 416, headers: { "content-range": `bytes */${size}` } });
  }
  const { from, to } = range ?? { from: 0, to: size };
  return new Response(new Uint8Array(content.subarray(from, to)), {
    status: range === undefined ? 200 : 206,
    headers: {
      ...headers,
      "content-type": "application/octet-stream",
      "content-length": String(to - from),
      ...(range === undefined ? {} : { "content-range": `bytes ${from}-${to - 1}/${size}` }),
    },
  });
}

function headersOf(
  hash: string,
  { heldUntil }: BlobFacts,
): Readonly<Record<string, string>> & { readonly etag: string } {
  return {
    etag: `"${hash}"`,
    "accept-ranges": "bytes",
    "cache-control": cacheControl,
    ...(heldUntil === undefined ? {} : { [blobHeldUntilHeader]: String(heldUntil) }),
  };
}

function hashOf(text: string): string {
  if (blobHashSchema.safeParse(text).success) return text;
  throw new ParleyError("invalid_argument", { message: "A blob's hash is 64 lower-case hex digits." });
}

/** Throws `invalid_argument` for what is no time or too far ahead, `expired` for one that has passed. */
function expiryOf(text: string | undefined, now: number): number {
  if (text === undefined) return now + limits.blobLifeMs;
  const expires = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(expires <= now + limits.expiryMs))
    throw new ParleyError("invalid_argument", {
      message: `expires: is not a time in ms since 1970 within ${limits.expiryMs / 86_400_000} days from now.`,
    });
  if (expires <= now) throw new ParleyError("expired", { message: "expires: this time has passed." });
  return expires;
}

function requireBlob<Found>(found: Found | undefined): Found {
  if (found !== undefined) return found;
  throw new ParleyError("not_found", { message: "The registry does not have this part; it may have expired." });
}
