import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";

import { describe, expect, it } from "vitest";

import { certificateMaker, makeCertificate } from "./certificate.ts";
import { startRegistry } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, temporaryFolder } from "./cli-process.ts";

/** Name in the certificate that somebody is shown who connects now. */
async function shownBy(port: number): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

const up = (...flags: readonly string[]): Promise<{ code: string; message: string }> =>
  parley(["up", "--port", "0", "--data", join(temporaryFolder(), "registry"), "--json", ...flags]).then(errorOf);

describe("parley up", () => {
  it.each([
    ["0.0.0.0", []],
    ["::", []],
    ["mesh.example.org", []],
    ["127.0.0.1", ["--chat-port", "0", "--chat-host", "0.0.0.0"]],
    ["127.0.0.1", ["--chat-port", "0", "--chat-host", "0.0.0.0", "--trusted-proxies", "10.0.0.0/8"]],
  ])("does not listen on %s with %j where others read along, and says what to do", async (host, flags) => {
    const { code, message } = await up("--host", host, ...flags);
    expect(code).toBe("invalid_config");
    for (const setting of ["--tls-cert", "--tls-key", "--plaintext"]) expect(message).toContain(setting);
  });

  it("listens there when it is told a second time", async () => {
    const { ready } = await startRegistry(join(temporaryFolder(), "registry"), 0, undefined, [
      "--host",
      "0.0.0.0",
      "--plaintext",
    ]);
    expect((await fetch(`http://127.0.0.1:${ready.port}/readyz`)).status).toBe(200);
  });

  it("refuses proxies that are no addresses, and half a certificate", async () => {
    expect(await up("--trusted-proxies", "proxy.example")).toMatchObject({ code: "invalid_config" });
    expect(await up("--tls-key", "key.pem")).toMatchObject({ message: expect.stringContaining("tls-cert") });
    expect(await up("--web-origin", "hub.example")).toMatchObject({ message: expect.stringContaining("web-origin") });
    const folder = temporaryFolder();
    writeFileSync(join(folder, "no.pem"), "this is no certificate");
    const wrong = await up("--tls-cert", join(folder, "no.pem"), "--tls-key", join(folder, "no.pem"));
    expect(wrong).toMatchObject({ code: "invalid_config", message: expect.stringContaining("PEM") });
  });
});

/** Nothing to try where certificates cannot be made. */
const makers = spawnSync(certificateMaker, ["version"]).status === 0 ? [certificateMaker] : [];

describe("parley up with a certificate", () => {
  it.each(makers)(
    "is reached by TLS only, by those who know who certified it, here with %s",
    { timeout: 120_000 },
    async () => {
      const folder = temporaryFolder();
      const { cert, key } = makeCertificate(folder);
      const flags = ["--tls-cert", cert, "--tls-key", key, "--chat-port", "0"];
      const { ready, registry } = await startRegistry(join(folder, "registry"), 0, undefined, flags);
      expect(ready.origin).toBe(`https://127.0.0.1:${ready.port}`);
      expect(ready.chat?.url).toContain("wss://");
      const pair = ["pair", ready.claim, "--name", "ada", "--home", join(folder, "ada"), "--json"];
      expect(errorOf(await parley(pair)).code).toBe("unreachable");
      const env = { NODE_EXTRA_CA_CERTS: cert };
      jsonOf(await parley(pair, { env }));
      expect(jsonOf(await parley(["members", "--home", join(folder, "ada"), "--json"], { env }))).toBeDefined();
      // The plain door is in the same process, and gets in without the certificate.
      expect(await registry.json()).toMatchObject({ state: "pending" });
      await expect(fetch(`http://127.0.0.1:${ready.port}/readyz`)).rejects.toThrow("fetch failed");
    },
  );

  it.each(makers)(
    "takes a renewed certificate of %s without a pause, and keeps the earlier one when it does not fit",
    async () => {
      const folder = temporaryFolder();
      const { cert, key } = makeCertificate(folder, "first");
      const renewed = makeCertificate(folder, "second");
      const flags = ["--tls-cert", cert, "--tls-key", key, "--log", "info"];
      const { ready, registry } = await startRegistry(join(folder, "registry"), 0, undefined, flags);
      const log = registry.child.stderr;
      const said = async (what: string): Promise<void> => {
        registry.child.kill("SIGHUP");
        for await (const part of log ?? []) if (String(part).includes(what)) return;
      };
      expect(await shownBy(ready.port)).toBe("first");
      const open = connect({ host: "127.0.0.1", port: ready.port, ca: readFileSync(cert) });
      await once(open, "secureConnect");
      writeFileSync(cert, "no certificate");
      const wrong = once(log ?? registry.child, "data");
      registry.child.kill("SIGHUP");
      expect(String((await wrong)[0])).toContain("tls.failed");
      expect(await shownBy(ready.port)).toBe("first");
      copyFileSync(renewed.key, key);
      copyFileSync(renewed.cert, cert);
      await said("tls.renewed");
      expect(await shownBy(ready.port)).toBe("second");
      // What was open goes on.
      open.write("GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n");
      expect(String((await once(open, "data"))[0])).toContain("200 OK");
      open.destroy();
    },
  );
});
