import { type Clock, type Journal, openMemoryJournal, openMemoryStores, systemRandom } from "@parley/core";
import { type ErrorCode, errorTable, toParleyError } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";

import { Attachments } from "../../src/blobs/attachments.ts";

const mesh = "A".repeat(42) + "A";
const owner = "m1";

interface Call {
  readonly method: string;
  readonly hash: string;
  readonly range: string | null;
}

/** Pauses between tries pass at once; what waits longer is a limit of time, which the tests do not reach. */
function hasty(clock: FakeClock): Clock {
  const longestPauseMs = 15_000;
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    soon: (run) => clock.soon(run),
    setTimer(delayMs, run) {
      if (delayMs > longestPauseMs) return clock.setTimer(delayMs, run);
      let isOff = false;
      clock.soon(() => isOff || run());
      return { cancel: () => (isOff = true) };
    },
  };
}

/** What a registry would do over HTTP, as a `fetch`, with ways to fail. */
export class FakeRegistry {
  readonly calls: Call[] = [];
  readonly clock: FakeClock;
  /** Tokens that were asked for. */
  tokens = 0;
  /** Codes that the next answers are refused with. */
  refusals: ErrorCode[] = [];
  /** Changes the bytes of an answer. */
  tamper: (bytes: Uint8Array<ArrayBuffer>, hash: string) => Uint8Array<ArrayBuffer> = (bytes) => bytes;
  /** Called before each request; what it throws is a broken connection. */
  before: (call: Call) => void = () => undefined;
  /** Bytes after which an answer breaks off, once. */
  breakAfter: number | undefined;
  readonly #stores;

  constructor(blobQuotaBytes?: number) {
    this.clock = new FakeClock();
    this.#stores = openMemoryStores({
      clock: this.clock,
      ...(blobQuotaBytes === undefined ? {} : { blobQuotaBytes }),
    });
  }

  count(method: string): number {
    return this.calls.filter((call) => call.method === method).length;
  }

  usage(): Promise<{ bytes: number; count: number }> {
    return this.#stores.blobs.usage(owner);
  }

  /** A device's attachments; with the journal of an earlier one, after a restart. */
  device(journal: Journal = openMemoryJournal()): Attachments {
    return new Attachments({
      mesh,
      registry: "http://registry.test",
      journal,
      clock: hasty(this.clock),
      random: systemRandom,
      fetch: (input, init) => this.#fetch(new Request(input, init)),
      askToken: async () => ({ token: `t.${++this.tokens}.x`, expires: this.clock.now() + 300_000 }),
      registryTime: () => this.clock.now(),
    });
  }

  async #fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const call = {
      method: request.method,
      hash: url.pathname.split("/")[2] ?? "",
      range: request.headers.get("range"),
    };
    this.calls.push(call);
    this.before(call);
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return refuse(refusal);
    try {
      return await this.#answer(request, call, Number(url.searchParams.get("expires")));
    } catch (error) {
      return refuse(toParleyError(error).code);
    }
  }

  async #answer(request: Request, { method, hash, range }: Call, expiresAt: number): Promise<Response> {
    const { blobs } = this.#stores;
    if (method === "PUT") {
      const content = new Uint8Array(await request.arrayBuffer());
      return Response.json({ ...(await blobs.put(hash, content, { owner, expiresAt })), expires: expiresAt });
    }
    if (method === "DELETE") return Response.json({ deleted: await blobs.delete(hash, owner) });
    const [facts, found] = [await blobs.stat(hash, owner), await blobs.get(hash)];
    if (facts === undefined || found === undefined) return refuse("not_found");
    const headers = { "parley-held-until": String(facts.heldUntil ?? 0) };
    if (method === "HEAD") return new Response(null, { headers });
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    const bytes = this.tamper(new Uint8Array(found.content.slice(from)), hash);
    return new Response(this.#stream(bytes), { status: range === null ? 200 : 206, headers });
  }

  #stream(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
    const end = this.breakAfter;
    this.breakAfter = undefined;
    const pieces = [bytes.subarray(0, end ?? bytes.length)];
    return new ReadableStream({
      pull(to) {
        const piece = pieces.shift();
        if (piece !== undefined) to.enqueue(piece);
        else if (end === undefined) to.close();
        else to.error(new TypeError("terminated"));
      },
    });
  }
}

function refuse(code: ErrorCode): Response {
  const { status, says } = errorTable[code];
  return Response.json({ error: { code, message: says } }, { status });
}
