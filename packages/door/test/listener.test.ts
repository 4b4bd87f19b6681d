import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { openDoor } from "./door-fixture.ts";
import { PlainClient } from "./plain-client.ts";

const maker = "openssl";

/** A certificate of the test's own, as an operator would make one. */
function certificate(): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), "parley-door-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"];
  execFileSync(maker, ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" });
  return { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
}

/** Nothing to try where certificates cannot be made. */
const makers = spawnSync(maker, ["version"]).status === 0 ? [maker] : [];

describe("a listener of the door's own", () => {
  it.each(makers)("speaks TLS with the certificate and key that it is given, here of %s", async () => {
    const { door } = await openDoor();
    const tls = certificate();
    const listener = await door.listen({ port: 0, tls });
    expect(listener.url).toBe(`wss://127.0.0.1:${listener.port}`);
    const client = await PlainClient.come(`wss://localhost:${listener.port}`, {}, { ca: tls.cert });
    await client.join("#general");
  });

  it("tells whoever speaks plain HTTP what it is", async () => {
    const { url } = await openDoor();
    const response = await fetch(url.replace("ws:", "http:"));
    expect(response.status).toBe(426);
    expect(await response.json()).toMatchObject({ type: "ERROR" });
  });

  it("listens on IPv6 as well, and takes guests there", async () => {
    const { door } = await openDoor();
    const listener = await door.listen({ port: 0, host: "::1" });
    await PlainClient.come(listener.url);
  });

  it("lets go of a connection that it refused, also when the other side does not", async () => {
    const { url } = await openDoor();
    const { port } = new URL(url);
    const socket = connect({ port: Number(port), host: "127.0.0.1", allowHalfOpen: true });
    onTestFinished(() => void socket.destroy());
    socket.write("GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: https://elsewhere.example\r\nConnection: Upgrade\r\n");
    socket.write(
      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    socket.resume();
    await once(socket, "end");
    const failed = once(socket, "error");
    // To a socket that is there still, this could be said for ever.
    const saying = setInterval(() => socket.write("x"), 5);
    onTestFinished(() => clearInterval(saying));
    await failed;
  });

  it("says which address it cannot have", async () => {
    const { door } = await openDoor();
    await expect(door.listen({ port: 0, host: "203.0.113.7" })).rejects.toMatchObject({ code: "invalid_config" });
  });
});
