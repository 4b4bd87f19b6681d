import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { makeCertificate } from "../e2e/certificate.ts";
import { startRegistry } from "../e2e/cli-mesh.ts";
import { jsonOf, parley, start, temporaryFolder } from "../e2e/cli-process.ts";
import { checkSample, freePorts, type Place, type ProxyName, startProxy } from "./proxy-process.ts";

const proxies: readonly ProxyName[] = ["nginx", "caddy"];

async function placeOf(folder = temporaryFolder()): Promise<Place> {
  const [port = 0, registryPort = 0] = await freePorts(2);
  return { port, registryPort, certificate: makeCertificate(folder), folder };
}

interface Asked {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Asks through the proxy from an address of the loopback. */
async function ask(
  { port, certificate }: Place,
  path: string,
  options: { from?: string; method?: string; headers?: Record<string, string>; body?: string | Uint8Array } = {},
): Promise<Asked> {
  const { from = "127.0.0.1", method = "GET", headers = {}, body } = options;
  const ca = readFileSync(certificate.cert);
  const asked = request({
    host: "127.0.0.1",
    servername: "localhost",
    port,
    path,
    method,
    ca,
    localAddress: from,
    headers: { host: `localhost:${port}`, ...headers },
  });
  asked.end(body);
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  let text = "";
  for await (const part of response) text += String(part);
  return { status: response.statusCode, headers: response.headers, text };
}

describe.each(proxies)("the sample for %s", (name) => {
  it("is understood by it", async () => {
    checkSample(name, await placeOf());
  });

  it("passes links of invites and sessions on, and says where requests come from", { timeout: 180_000 }, async () => {
    const place = await placeOf();
    const { folder, port, certificate } = place;
    const origin = `https://localhost:${port}`;
    const env = { NODE_EXTRA_CA_CERTS: certificate.cert };
    const cleanUp = onTestFinished;
    const { ready } = await startRegistry(join(folder, "registry"), place.registryPort, cleanUp, [
      "--origin",
      origin,
      "--trusted-proxies",
      "127.0.0.1",
    ]);
    await startProxy(name, place, cleanUp);
    expect(ready.claim.startsWith(`${origin}/join#`)).toBe(true);
    const as = async <Value>(who: string, args: readonly string[]): Promise<Value> =>
      jsonOf<Value>(await parley([...args, "--home", join(folder, who), "--json"], { env }));

    await as("ada", ["pair", ready.claim, "--name", "ada"]);
    const { text } = await as<{ text: string }>("ada", ["invite", "create", "--uses", "2"]);
    await as("bob", ["pair", text, "--name", "bob", "--no-wait"]);
    await as("ada", ["member", "approve", "bob"]);
    const listener = start(["listen", "--home", join(folder, "bob"), "--json"], { env });
    await as("ada", ["send", "@bob", "through the proxy", "--path", "relay,mailbox"]);
    expect(await listener.line()).toContain("through the proxy");

    // Somebody else, who writes a header of its own, asks to be let in.
    const forged = { "x-forwarded-for": "203.0.113.9", forwarded: "for=203.0.113.9" };
    const statuses = new Set<number | undefined>();
    for (let count = 0; count < 12; count++) {
      const body = JSON.stringify({ secret: "123456", request: "a.b.c", devices: "a.b.c" });
      const headers = { ...forged, "x-forwarded-for": `203.0.113.${count}`, "content-type": "application/json" };
      statuses.add((await ask(place, "/pairings", { from: "127.0.0.9", method: "POST", headers, body })).status);
    }
    expect(statuses).toContain(429);
    // Another address is not in its way.
    await as("carol", ["pair", text, "--name", "carol", "--no-wait"]);
    const { pending } = await as<{ pending: readonly { name: string; address: string }[] }>("ada", [
      "member",
      "list",
      "--pending",
    ]);
    expect(pending).toMatchObject([{ name: "carol", address: "127.0.0.1" }]);
  });

  it("keeps away what the registry should not see, and what is not for everybody", { timeout: 120_000 }, async () => {
    const place = await placeOf();
    const settings = ["--origin", `https://localhost:${place.port}`, "--trusted-proxies", "127.0.0.1", "--metrics"];
    await startRegistry(join(place.folder, "registry"), place.registryPort, onTestFinished, settings);
    await startProxy(name, place, onTestFinished);
    expect(await ask(place, "/readyz")).toMatchObject({ status: 200 });
    expect((await ask(place, "/readyz")).headers).toMatchObject({
      "strict-transport-security": "max-age=31536000",
      "x-content-type-options": "nosniff",
    });
    expect(await ask(place, "/metrics")).toMatchObject({ status: 404 });
    // The host is the site's, so that a page under another name gets nothing.
    const rebound = await ask(place, "/node", { headers: { host: "evil.example", origin: "https://evil.example" } });
    expect(rebound.text).not.toContain('"key"');
    const large = { method: "POST", headers: { "content-type": "application/json", "content-length": "1200000" } };
    // Whoever is first with its refusal, the registry or the proxy: 502 is the proxy's word for the registry's.
    expect([413, 502]).toContain((await ask(place, "/claim", { ...large, body: new Uint8Array(1_200_000) })).status);
  });
});
