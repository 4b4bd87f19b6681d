import { TrustedProxies } from "@parley/registry";
import { TestIdentity } from "@parley/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type RawAnswer, RawHttp, requestText } from "./raw-http.ts";
import { type RunningRegistry, startRegistry } from "./registry-fixture.ts";

let registry: RunningRegistry;

beforeAll(async () => {
  registry = await startRegistry();
});

afterAll(() => registry[Symbol.asyncDispose]());

/** What comes back for these bytes until the registry closes the connection. */
async function answersTo(
  text: string,
  { port }: Pick<RunningRegistry, "port"> = registry,
): Promise<readonly RawAnswer[]> {
  const raw = await RawHttp.open(port);
  raw.write(text);
  return raw.answers();
}

const json = { "content-type": "application/json" };
const upgrade = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
  "sec-websocket-protocol": "parley.v1",
};

/** Heads that two readers may take for different things (RFC 9112 section 11.2), each with a request hidden behind it. */
const hidden = "GET /version HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
const smuggled: Readonly<Record<string, string>> = {
  "a length and chunks": `POST /pairings HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
  "two lengths": `POST /pairings HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\ncontent-length: ${hidden.length}\r\n\r\n${hidden}`,
  "two lengths in one field": `POST /pairings HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 0, 5\r\n\r\n${hidden}`,
  "a length with a sign": `POST /pairings HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: +0\r\n\r\n${hidden}`,
  "chunks that are not the last coding": `POST /pairings HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n${hidden}`,
  "a blank before the colon": `POST /pairings HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n${hidden}`,
  "a folded field": `POST /pairings HTTP/1.1\r\nhost: 127.0.0.1\r\nx-a: 1\r\n content-length: 5\r\n y\r\ntransfer-encoding:\r\n chunked\r\ncontent-length: 0\r\n\r\n${hidden}`,
  "a chunk size that is no number": `POST /pairings HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n${hidden}`,
  "a bare carriage return": `POST /pairings HTTP/1.1\r\nhost: 127.0.0.1\r\nx-a: 1\rcontent-length: 5\r\n\r\n${hidden}`,
};

describe("a registry that is sent what no honest program sends", () => {
  it.each(Object.entries(smuggled))("finds no second request behind %s", async (_what, text) => {
    const answers = await answersTo(text);
    // One whose body went wrong under way is cut off without a word.
    for (const { status, headers } of answers) expect(status, `in ${headers}`).toBeGreaterThanOrEqual(400);
    expect(answers.map(({ text: body }) => body).join()).not.toContain('"protocol"');
  });

  it.each([
    [
      "a whole address as its path",
      "GET http://127.0.0.1/node HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
    ],
    ["two hosts", "GET /node HTTP/1.1\r\nhost: 127.0.0.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n"],
    ["no host", "GET /node HTTP/1.1\r\nconnection: close\r\n\r\n"],
    ["a tunnel", "CONNECT 127.0.0.1:1 HTTP/1.1\r\nhost: 127.0.0.1:1\r\n\r\n"],
  ])("answers no request for %s", async (_what, text) => {
    for (const { status } of await answersTo(text)) expect(status).toBe(400);
  });

  it("refuses heads that are too large or have too many fields, in its own words", async () => {
    const large = await answersTo(requestText("GET /node", { "x-large": "x".repeat(20_000) }));
    expect(large).toMatchObject([{ status: 431, code: "headers_too_large" }]);
    const field = (count: number): Record<string, string> =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, "1"]));
    // Host and connection are fields as well.
    expect(await answersTo(requestText("GET /node", field(62)))).toMatchObject([{ status: 200 }]);
    expect(await answersTo(requestText("GET /node", field(63)))).toMatchObject([
      { status: 431, code: "headers_too_large" },
    ]);
  });

  it("takes no compressed body, whose size nobody knows before it is unpacked", async () => {
    const body = { ...json, "content-length": "4" };
    for (const encoding of ["gzip", "br", "deflate", "identity, gzip"]) {
      const answers = await answersTo(
        requestText("POST /claim", { ...body, "content-encoding": encoding }, "\u001f\u008b\b\0"),
      );
      expect(answers).toMatchObject([{ status: 415, code: "unsupported_encoding" }]);
    }
    const coded = requestText(
      "POST /claim",
      { ...json, "transfer-encoding": "gzip, chunked" },
      "4\r\nabcd\r\n0\r\n\r\n",
    );
    expect(await answersTo(coded)).toMatchObject([{ status: 415, code: "unsupported_encoding" }]);
  });

  it("ends the connection of a body that is too large, and does not read it", async () => {
    const raw = await RawHttp.open(registry.port);
    raw.write(requestText("POST /claim", { ...json, connection: "keep-alive", "content-length": "10000000" }, "{"));
    expect(await raw.answers()).toMatchObject([{ status: 413, code: "too_large" }]);
  });

  it("is not to be used by a page that took over a name of its own (DNS rebinding)", async () => {
    const page = { host: "evil.example", origin: "http://evil.example" };
    for (const line of ["GET /node", "POST /claim", "GET /join", "GET /nothing", "OPTIONS /claim"])
      expect(await answersTo(requestText(line, page)), `for ${line}`).toMatchObject([
        { status: 403, code: "forbidden" },
      ]);
    expect(await answersTo(requestText("GET /session", { ...upgrade, ...page }))).toMatchObject([
      { status: 403, code: "forbidden" },
    ]);
  });

  it("lets no page of another origin post, and tells none that it may", async () => {
    const post = { ...json, origin: "https://evil.example", "content-length": "2" };
    const [answer] = await answersTo(requestText("POST /claim", post, "{}"));
    expect(answer).toMatchObject({ status: 403, code: "forbidden" });
    expect(answer?.headers.toLowerCase()).not.toContain("access-control");
    // What a form can send without asking is no JSON to us.
    const form = { "content-type": "text/plain", "content-length": "2" };
    expect(await answersTo(requestText("POST /claim", form, "{}"))).toMatchObject([{ code: "invalid_argument" }]);
  });

  it("has its headers on every answer, refusals of all kinds among them", async () => {
    const asked: Readonly<Record<string, string>> = {
      done: requestText("GET /node"),
      page: requestText("GET /join"),
      unknown: requestText("GET /nothing"),
      method: requestText("DELETE /node"),
      host: requestText("GET /node", { host: "evil.example" }),
      head: requestText("GET /node", { "x-large": "x".repeat(20_000) }),
      encoding: requestText("GET /node", { "content-encoding": "gzip" }),
      noise: "\u0016\u0003\u0001 hello\r\n\r\n",
      upgrade: requestText("GET /session", { ...upgrade, host: "evil.example" }),
      elsewhere: requestText("GET /nothing", upgrade),
    };
    for (const [what, text] of Object.entries(asked)) {
      const [answer] = await answersTo(text);
      const headers = answer?.headers.toLowerCase() ?? "";
      for (const header of [
        "content-security-policy: default-src 'none'",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "referrer-policy: no-referrer",
        "cross-origin-resource-policy: same-origin",
        "cache-control: no-store",
      ])
        expect(headers, `on ${what}`).toContain(header);
      expect(headers, `on ${what}`).not.toContain("x-powered-by");
      expect(headers, `on ${what}`).not.toContain("server:");
    }
  });
});

describe("addresses in forwarded headers", () => {
  /** Tries to pair, so often as an address may in a minute and once more. */
  async function triesFrom(
    running: RunningRegistry,
    headersOf: (index: number) => Record<string, string>,
  ): Promise<unknown[]> {
    const outcomes = [];
    for (let index = 0; index < 4; index++) {
      const headers = { ...json, ...headersOf(index) };
      const body = JSON.stringify({ secret: "123456", request: "a.b.c", devices: "a.b.c" });
      const response = await fetch(`${running.origin}/pairings`, { method: "POST", headers, body });
      outcomes.push(((await response.json()) as { error?: { code?: string } }).error?.code);
    }
    return outcomes;
  }
  const limited = { pairingTriesPerMinute: 3 };

  it("count for nothing unless a named proxy wrote them", async () => {
    await using running = await startRegistry({ bounds: limited });
    await running.claim();
    const outcomes = await triesFrom(running, (index) => ({
      "x-forwarded-for": `192.0.2.${index}`,
      forwarded: `for=192.0.2.${index}`,
      "x-real-ip": `192.0.2.${index}`,
    }));
    expect(outcomes.at(-1)).toBe("rate_limited");
    expect(outcomes.slice(0, 3)).not.toContain("rate_limited");
  });

  it("count from the right, so that what somebody writes before the proxy does is nothing", async () => {
    const proxies = new TrustedProxies(["127.0.0.1"]);
    await using running = await startRegistry({ bounds: limited, proxies });
    await running.claim();
    const forged = await triesFrom(running, (index) => ({ "x-forwarded-for": `192.0.2.${index}, 198.51.100.7` }));
    expect(forged.at(-1)).toBe("rate_limited");
    const others = await triesFrom(running, (index) => ({ "x-forwarded-for": `192.0.2.${index}` }));
    expect(others).not.toContain("rate_limited");
    // A header that the proxies do not write is whoever's it likes to be.
    const wrong = await triesFrom(running, (index) => ({
      "x-forwarded-for": "198.51.100.8",
      forwarded: `for=192.0.2.${index}`,
    }));
    expect(wrong.at(-1)).toBe("rate_limited");
    const sameNetwork = await triesFrom(running, (index) => ({ "x-forwarded-for": `2001:db8:1:2::${index}` }));
    expect(sameNetwork.at(-1)).toBe("rate_limited");
  });

  it("say whom a pairing is from, as operators see it", async () => {
    await using running = await startRegistry({ proxies: new TrustedProxies(["127.0.0.1"]) });
    const mesh = await running.claim();
    const bob = await TestIdentity.create("bob");
    const secret = await mesh.invite();
    const body = JSON.stringify({
      secret,
      request: await bob.pairing(mesh.mesh),
      devices: await bob.deviceList(mesh.mesh),
    });
    const headers = { ...json, "x-forwarded-for": "203.0.113.9, 198.51.100.7" };
    await fetch(`${running.origin}/pairings`, { method: "POST", headers, body });
    expect(await mesh.operator.nextPush("pairing.pending")).toMatchObject({ address: "198.51.100.7" });
  });

  it("open the door for nobody else where only proxies may connect without TLS", async () => {
    await using running = await startRegistry({ proxies: new TrustedProxies(["192.0.2.1"]), onlyProxies: true });
    // This machine itself may.
    expect(await answersTo(requestText("GET /healthz"), running)).toMatchObject([{ status: 200 }]);
  });
});
