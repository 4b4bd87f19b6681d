/** Attachments of a device: content that it seals and leaves at the registry, and content that it fetches. */
import type { Clock, Journal, Random } from "@parley/core";
import {
  blobLabelSchema,
  type BlobRef,
  blobRefSchema,
  issueOf,
  limits,
  ParleyError,
  type ReplyBody,
} from "@parley/protocol";

import { BlobHttp } from "./blob-http.ts";
import type { ContentSink } from "./content-sink.ts";
import type { ContentSource } from "./content-source.ts";
import { download, type DownloadOptions, type DownloadRequest, readContent } from "./download.ts";
import { RegistryToken } from "./registry-token.ts";
import type { TransferProgress } from "./transfer.ts";
import { upload } from "./upload.ts";

/** What every transfer takes. */
export interface TransferOptions {
  /** Ends it with `canceled`. What is done stays done, and the same call goes on with it. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TransferProgress) => void;
}

export interface AttachOptions extends TransferOptions {
  /** As the recipient sees it: 1 to 255 characters. */
  readonly name: string;
  /** Media type. Default `application/octet-stream`. */
  readonly type?: string;
  /** Milliseconds that the registry keeps it. Default seven days, at most 30. */
  readonly ttlMs?: number;
}

export interface AttachmentsOptions {
  readonly mesh: string;
  /** Origin of the registry. */
  readonly registry: string;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly random: Random;
  readonly fetch: typeof fetch;
  readonly askToken: () => Promise<ReplyBody<"token.get">>;
  /** Milliseconds since 1970 by the registry's clock, perhaps with a fraction. */
  readonly registryTime: () => number;
}

/** Where the journal keeps the secret from which content keys come. */
const secretKey = "blob-secret";
const secretBytes = 32;
const defaultType = "application/octet-stream";

export class Attachments {
  readonly #options: AttachmentsOptions;
  readonly #http: BlobHttp;
  #secret: Promise<Uint8Array<ArrayBuffer>> | undefined;

  constructor(options: AttachmentsOptions) {
    const { registry, clock, askToken, registryTime } = options;
    this.#options = options;
    const token = new RegistryToken({ ask: askToken, now: registryTime });
    this.#http = new BlobHttp({ registry, token, clock, fetch: options.fetch });
  }

  /** Resolves when the registry holds every part. */
  async attach(source: ContentSource, options: AttachOptions): Promise<BlobRef> {
    const { mesh, clock, random } = this.#options;
    const { name, type = defaultType, ttlMs = limits.blobLifeMs, onProgress = () => undefined } = options;
    const named = blobLabelSchema.safeParse({ name, type });
    if (!named.success)
      throw new ParleyError("invalid_argument", { message: `An attachment's ${issueOf(named.error)}.` });
    if (!Number.isSafeInteger(ttlMs) || ttlMs < 1 || ttlMs > limits.expiryMs)
      throw new ParleyError("invalid_argument", {
        message: `An attachment is kept for at most ${limits.expiryMs / 86_400_000} days.`,
      });
    const secret = await this.#ownSecret();
    const signal = options.signal ?? new AbortController().signal;
    const content = await upload(
      { http: this.#http, mesh, secret, clock, random, now: () => this.#now() },
      { source, ttlMs, signal, onProgress },
    );
    return { name, type, ...content };
  }

  async fetch(ref: BlobRef, sink: ContentSink, options: TransferOptions = {}): Promise<void> {
    await download(this.#download(), requestOf(ref, options), sink);
  }

  read(ref: BlobRef, options: TransferOptions = {}): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
    return readContent(this.#download(), requestOf(ref, options));
  }

  #download(): DownloadOptions {
    const { mesh, clock, random } = this.#options;
    return { http: this.#http, mesh, clock, random, now: () => this.#now() };
  }

  #now(): number {
    return Math.round(this.#options.registryTime());
  }

  /** Made once and kept with the journal: what was uploaded before a restart is known again by it. */
  #ownSecret(): Promise<Uint8Array<ArrayBuffer>> {
    const { journal, random } = this.#options;
    this.#secret ??= (async () => {
      const kept = await journal.getState(secretKey);
      if (kept?.length === secretBytes) return new Uint8Array(kept);
      const made = random.bytes(secretBytes);
      await journal.putState(secretKey, made);
      return made;
    })().catch((error: unknown) => {
      this.#secret = undefined;
      throw error;
    });
    return this.#secret;
  }
}

function requestOf(ref: BlobRef, { signal, onProgress }: TransferOptions): DownloadRequest {
  const parsed = blobRefSchema.safeParse(ref);
  if (!parsed.success)
    throw new ParleyError("invalid_argument", { message: `A reference to content: ${issueOf(parsed.error)}.` });
  return {
    ref: parsed.data,
    signal: signal ?? new AbortController().signal,
    onProgress: onProgress ?? (() => undefined),
  };
}
