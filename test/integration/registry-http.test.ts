import { request } from "node:http";

import { createSigner } from "@parley/core";
import { createRegistry } from "@parley/registry";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { faultyStores, type RunningRegistry, startRegistry } from "./registry-fixture.ts";

let registry: RunningRegistry;

beforeAll(async () => {
  registry = await startRegistry({ allowedOrigins: ["https://hub.example"] });
});

afterAll(() => registry[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** `fetch` does not let a test choose Host and Origin. */
function call(method: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(`${registry.origin}${path}`, { method, headers }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    asked.on("upgrade", () => reject(new Error("the upgrade was taken")));
    asked.on("error", reject);
    asked.end(body);
  });
}

const codeOf = ({ text }: Answer): unknown => (JSON.parse(text) as { error?: { code?: unknown } }).error?.code;
const json = { "content-type": "application/json" };

describe("the registry over HTTP", () => {
  it("says that it is alive, ready, and which version it is", async () => {
    expect(JSON.parse((await call("GET", "/healthz")).text)).toEqual({ status: "ok" });
    expect(JSON.parse((await call("GET", "/readyz")).text)).toEqual({ status: "ok" });
    expect(JSON.parse((await call("GET", "/version")).text)).toMatchObject({
      name: "parley",
      protocol: [1],
      node: registry.nodeKey.id,
    });
    expect(JSON.parse((await call("GET", "/node")).text)).toMatchObject({
      node: registry.nodeKey.id,
      key: registry.nodeKey.publicKey,
    });
  });

  it("answers unknown addresses, wrong methods and bad bodies with a code", async () => {
    expect(codeOf(await call("GET", "/nothing"))).toBe("not_found");
    expect(await call("DELETE", "/node")).toMatchObject({ status: 405 });
    expect(codeOf(await call("GET", "/claim"))).toBe("method_not_allowed");
    expect(codeOf(await call("POST", "/claim", json, "{"))).toBe("invalid_argument");
    expect(codeOf(await call("POST", "/claim", json, "{}"))).toBe("invalid_argument");
    expect(codeOf(await call("POST", "/claim", {}, "{}"))).toBe("invalid_argument");
    expect(codeOf(await call("POST", "/pairings", json, "[".repeat(50)))).toBe("too_large");
    expect(codeOf(await call("POST", "/pairings", json, `"${"x".repeat(200_000)}"`))).toBe("too_large");
    expect(codeOf(await call("POST", "/pairings", { ...json, "transfer-encoding": "chunked" }, "{}"))).toBe(
      "invalid_argument",
    );
    expect(codeOf(await call("GET", "/pairings/short"))).toBe("not_found");
  });

  it("sends headers that keep pages from using what it says", async () => {
    for (const path of ["/node", "/join", "/nothing"]) {
      const { headers } = await call("GET", path);
      expect(headers["content-security-policy"]).toContain("default-src 'none'");
      expect(headers).toMatchObject({
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
      });
    }
  });

  it("serves a page for invite links that runs nothing", async () => {
    const { text, headers } = await call("GET", "/join");
    expect(headers["content-type"]).toContain("text/html");
    expect(text).toContain("parley pair");
    expect(text).not.toContain("<script");
  });

  it("refuses names that it is not known by, and pages of other origins", async () => {
    expect(codeOf(await call("GET", "/node", { host: "evil.example" }))).toBe("forbidden");
    expect((await call("GET", "/node", { host: "localhost:1" })).status).toBe(200);
    expect((await call("GET", "/node", { host: "192.0.2.7:8080" })).status).toBe(200);
    expect(codeOf(await call("GET", "/node", { origin: "https://evil.example" }))).toBe("forbidden");
    expect((await call("GET", "/node", { origin: registry.origin })).status).toBe(200);
    const allowed = await call("GET", "/node", { origin: "https://hub.example" });
    expect(allowed.headers["access-control-allow-origin"]).toBe("https://hub.example");
    expect(
      (await call("OPTIONS", "/claim", { origin: "https://hub.example" })).headers["access-control-allow-methods"],
    ).toBe("POST");
  });

  it("refuses upgrades from other origins, under other names, and of other addresses", async () => {
    const upgrade = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
      "sec-websocket-protocol": "parley.v1",
    };
    expect(codeOf(await call("GET", "/session", { ...upgrade, origin: "https://evil.example" }))).toBe("forbidden");
    expect(codeOf(await call("GET", "/session", { ...upgrade, host: "evil.example" }))).toBe("forbidden");
    expect(codeOf(await call("GET", "/chat", upgrade))).toBe("not_found");
    expect(codeOf(await call("GET", "/session", { ...upgrade, "sec-websocket-protocol": "other" }))).toBe(
      "unsupported_version",
    );
    expect((await call("GET", "/session", { ...upgrade, "sec-websocket-key": "short" })).status).toBe(400);
  });

  it("describes itself as OpenAPI 3.1 whose references all resolve", async () => {
    const { text } = await call("GET", "/openapi.json");
    const document = JSON.parse(text) as { openapi: string; paths: object; components: { schemas: object } };
    expect(document.openapi).toBe("3.1.0");
    expect(Object.keys(document.paths)).toContain("/pairings/{pairing}");
    const names = [...text.matchAll(/"\$ref":"([^"]*)"/g)].map((match) => match[1] ?? "");
    expect(names).toContain("#/components/schemas/Error");
    for (const name of names)
      expect(Object.keys(document.components.schemas)).toContain(name.replace("#/components/schemas/", ""));
  });

  it("says in one sentence that its port is in use", async () => {
    const port = Number(new URL(registry.origin).port);
    const stores = faultyStores();
    const second = createRegistry({ stores, nodeKey: await createSigner("node"), port });
    await expect(second.start()).rejects.toMatchObject({
      code: "address_in_use",
      message: `Port ${port} on 127.0.0.1 is in use; choose another with --port.`,
    });
    await second.stop();
    await stores.close();
  });
});
