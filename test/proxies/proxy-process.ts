import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { connect } from "node:tls";

import type { CertificateFiles } from "../e2e/certificate.ts";
import type { CleanUp } from "../e2e/cli-process.ts";

export type ProxyName = "nginx" | "caddy";

const deploy = join(import.meta.dirname, "..", "..", "deploy");
const programs: Readonly<Record<ProxyName, string>> = {
  nginx: process.env["PARLEY_NGINX"] ?? "nginx",
  caddy: process.env["PARLEY_CADDY"] ?? "caddy",
};

/** Where a sample is used: other names, ports and certificates stand in it then. */
export interface Place {
  readonly port: number;
  readonly registryPort: number;
  readonly certificate: CertificateFiles;
  readonly folder: string;
}

/** Ports that nobody has now. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

/** The sample of nginx as the one site of a folder of its own. */
function nginxFile({ port, registryPort, certificate, folder }: Place): string {
  const site = readFileSync(join(deploy, "nginx", "parley.conf"), "utf8")
    .replaceAll("mesh.example.org", "localhost")
    .replace("/etc/ssl/localhost/fullchain.pem", certificate.cert)
    .replace("/etc/ssl/localhost/key.pem", certificate.key)
    .replace("127.0.0.1:8080", `127.0.0.1:${registryPort}`)
    .replace("listen 443 ssl", `listen 127.0.0.1:${port} ssl`)
    .replace("listen 80", `listen unix:${join(folder, "plain.socket")}`);
  const own = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (what) => `${what}_temp_path ${join(folder, what)};`,
  );
  const file = join(folder, "nginx.conf");
  const main = ["daemon off;", "master_process off;", `pid ${join(folder, "pid")};`, "error_log stderr warn;"];
  writeFileSync(file, [...main, "events {}", "http {", "access_log off;", ...own, site, "}"].join("\n"));
  return file;
}

function caddyFile({ port, registryPort, certificate, folder }: Place): string {
  const file = join(folder, "Caddyfile");
  const site = readFileSync(join(deploy, "caddy", "Caddyfile"), "utf8")
    // Nothing of its own: no port to be steered by, no certificate from elsewhere.
    .replace(/^\{$/m, "{\n\tadmin off\n\tauto_https off")
    .replace(/^mesh\.example\.org \{$/m, `https://localhost:${port} {\n\ttls ${certificate.cert} ${certificate.key}`)
    .replace("127.0.0.1:8080", `127.0.0.1:${registryPort}`);
  writeFileSync(file, site);
  return file;
}

const argumentsOf: Readonly<Record<ProxyName, (place: Place) => { check: readonly string[]; run: readonly string[] }>> =
  {
    nginx: (place) => {
      const own = ["-p", place.folder, "-c", nginxFile(place)];
      return { check: ["-t", "-q", ...own], run: own };
    },
    caddy: (place) => {
      const own = ["--config", caddyFile(place), "--adapter", "caddyfile"];
      return { check: ["validate", ...own], run: ["run", ...own] };
    },
  };

const environmentOf = (folder: string): NodeJS.ProcessEnv => ({ PATH: process.env["PATH"], HOME: folder });

/** Lets the proxy itself say whether it understands its sample. Throws what it says against it. */
export function checkSample(name: ProxyName, place: Place): void {
  execFileSync(programs[name], argumentsOf[name](place).check, { env: environmentOf(place.folder), stdio: "pipe" });
}

/** Runs the proxy with its sample in front of a registry, until the end of the test. */
export async function startProxy(name: ProxyName, place: Place, cleanUp: CleanUp): Promise<void> {
  mkdirSync(place.folder, { recursive: true });
  const child = spawn(programs[name], argumentsOf[name](place).run, {
    env: environmentOf(place.folder),
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(child, "exit");
  cleanUp(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  let said = "";
  child.stderr.on("data", (part: Buffer) => (said += part.toString()));
  while (!(await listens(place.port))) if (child.exitCode !== null) throw new Error(`${name} ended: ${said}`);
}

/** Whether somebody speaks TLS there. */
async function listens(port: number): Promise<boolean> {
  const socket = connect({ host: "127.0.0.1", port, servername: "localhost", rejectUnauthorized: false });
  const outcome = await Promise.race([
    once(socket, "secureConnect").then(() => true),
    once(socket, "error").then(() => false),
  ]).catch(() => false);
  socket.destroy();
  return outcome;
}
