/** Parts over the registry's HTTP API, one try at a time. */
import type { Clock } from "@parley/core";
import {
  blobHeldUntilHeader,
  blobPutSchema,
  decodeJson,
  type ErrorCode,
  httpErrorSchema,
  ParleyError,
  routeTable,
} from "@parley/protocol";

import { canceled } from "./persistence.ts";
import type { RegistryToken } from "./registry-token.ts";

type Bytes = Uint8Array<ArrayBuffer>;

export interface BlobHttpOptions {
  /** Origin of the registry. */
  readonly registry: string;
  readonly token: RegistryToken;
  readonly clock: Clock;
  readonly fetch: typeof fetch;
}

/** A part that is on its way: what has come of it, kept from one try to the next. */
export class IncomingPart {
  readonly hash: string;
  readonly bytes: Bytes;
  /** How many of the bytes are there. */
  filled = 0;

  constructor(hash: string, size: number) {
    this.hash = hash;
    this.bytes = new Uint8Array(size);
  }
}

/** Silence after which a try is given up. An upload says nothing until it is done. */
const silenceMs = 30_000;
const uploadMs = 120_000;
const mostErrorBytes = 16_384;

export class BlobHttp {
  readonly #options: BlobHttpOptions;

  constructor(options: BlobHttpOptions) {
    this.#options = options;
  }

  /** Until when this member holds a part, in ms since 1970; undefined when it does not. */
  async heldUntil(hash: string, signal: AbortSignal): Promise<number | undefined> {
    return this.#timed(signal, silenceMs, async (ending) => {
      const response = await this.#send("headBlob", hash, {}, ending);
      const held = Number(response.headers.get(blobHeldUntilHeader) ?? "0");
      return response.ok && Number.isSafeInteger(held) && held > 0 ? held : undefined;
    });
  }

  /** Answers until when the registry keeps it. */
  async put(hash: string, sealed: Bytes, expires: number, signal: AbortSignal): Promise<number> {
    return this.#timed(signal, uploadMs, async (ending) => {
      const response = await this.#send("putBlob", hash, { body: sealed, query: `?expires=${expires}` }, ending);
      const reply = decodeJson(blobPutSchema, await textOf(response));
      if (!reply.ok) throw strange(this.#options.registry);
      return reply.value.expires;
    });
  }

  /** Fills the rest of a part. What came before it broke off stays in the part. Throws `not_found`. */
  async get(part: IncomingPart, signal: AbortSignal): Promise<void> {
    await this.#timed(signal, silenceMs, async (ending, alive) => {
      const { hash, bytes } = part;
      const headers = part.filled === 0 ? {} : { range: `bytes=${part.filled}-`, "if-range": `"${hash}"` };
      const response = await this.#send("getBlob", hash, { headers }, ending);
      // Whoever was asked for a range may answer with the whole (RFC 9110 section 14.2).
      if (response.status !== 206) part.filled = 0;
      const reader = response.body?.getReader();
      for (;;) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
        if (done) break;
        alive();
        if (part.filled + value.length > bytes.length) {
          part.filled = 0;
          await reader?.cancel();
          throw new ParleyError("bad_signature", { message: "The registry sent more than the part has." });
        }
        bytes.set(value, part.filled);
        part.filled += value.length;
      }
      if (part.filled < bytes.length)
        throw new ParleyError("unreachable", { message: "The registry's answer broke off before its end." });
    });
  }

  /** Ends this member's hold. */
  async delete(hash: string, signal: AbortSignal): Promise<void> {
    await this.#timed(signal, silenceMs, async (ending) => {
      await textOf(await this.#send("deleteBlob", hash, {}, ending));
    });
  }

  /** One request; a token that is not taken is replaced once. */
  async #send(name: BlobRoute, hash: string, request: BlobRequest, signal: AbortSignal): Promise<Response> {
    for (let isSecond = false; ; isSecond = true) {
      const token = await this.#options.token.get();
      const response = await this.#fetch(name, hash, request, token, signal);
      if (response.ok || (name === "headBlob" && response.status === 404)) return response;
      const error = await errorOf(response, this.#options.registry);
      if (error.code !== "unauthenticated") throw error;
      this.#options.token.drop(token);
      if (isSecond) throw error;
    }
  }

  #fetch(name: BlobRoute, hash: string, request: BlobRequest, token: string, signal: AbortSignal): Promise<Response> {
    const { method, path } = routeTable[name];
    const { body, headers, query = "" } = request;
    const url = new URL(`${path.replace("{hash}", hash)}${query}`, this.#options.registry);
    return this.#options.fetch(url, {
      method: method.toUpperCase(),
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { "content-type": "application/octet-stream" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
      // What is sealed and checked by its hash needs no second copy in the browser's cache.
      cache: "no-store",
      redirect: "error",
      signal,
    });
  }

  /** Gives up after silence; `alive` begins it anew. What is not ours becomes `unreachable`. */
  async #timed<Result>(
    signal: AbortSignal,
    silence: number,
    work: (signal: AbortSignal, alive: () => void) => Promise<Result>,
  ): Promise<Result> {
    const { clock, registry } = this.#options;
    const ending = new AbortController();
    let timer = clock.setTimer(silence, () => ending.abort());
    const alive = (): void => {
      timer.cancel();
      timer = clock.setTimer(silence, () => ending.abort());
    };
    try {
      return await work(AbortSignal.any([signal, ending.signal]), alive);
    } catch (error) {
      if (error instanceof ParleyError) throw error;
      if (signal.aborted) throw canceled(signal);
      throw new ParleyError("unreachable", {
        message: `The registry at ${registry} cannot be reached, or the transfer broke off.`,
        cause: error,
      });
    } finally {
      timer.cancel();
    }
  }
}

type BlobRoute = "putBlob" | "headBlob" | "getBlob" | "deleteBlob";

interface BlobRequest {
  readonly body?: Bytes;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: string;
}

const strange = (registry: string): ParleyError =>
  new ParleyError("unreachable", { message: `What answers at ${registry} is not a Parley registry of this version.` });

/** An answer to HEAD has no body: the status has to do. */
const codeOfStatus: Readonly<Record<number, ErrorCode>> = {
  401: "unauthenticated",
  403: "forbidden",
  429: "rate_limited",
  503: "draining",
};

async function errorOf(response: Response, registry: string): Promise<ParleyError> {
  const decoded = decodeJson(httpErrorSchema, await textOf(response), mostErrorBytes);
  if (decoded.ok) return new ParleyError(decoded.value.error.code, { message: decoded.value.error.message });
  const code = codeOfStatus[response.status];
  return code === undefined ? strange(registry) : new ParleyError(code);
}

/** A short body; of a long one its beginning. */
async function textOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  for (let text = ""; ;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    text += decoder.decode(value, { stream: true });
    if (text.length < mostErrorBytes) continue;
    await reader.cancel();
    return text;
  }
}
