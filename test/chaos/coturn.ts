import { writeFileSync } from "node:fs";
import { join } from "node:path";

const relayPorts = [49_152, 50_175] as const;

/** Writes the settings of a coturn that shares a secret with the registry; returns the arguments that it is started with. */
export function prepareCoturn(folder: string, address: string, port: number, secret: string): readonly string[] {
  const path = join(folder, "turnserver.conf");
  const lines = [
    `listening-ip=${address}`,
    `relay-ip=${address}`,
    `listening-port=${port}`,
    `min-port=${relayPorts[0]}`,
    `max-port=${relayPorts[1]}`,
    "fingerprint",
    "use-auth-secret",
    `static-auth-secret=${secret}`,
    "realm=chaos.test",
    "no-cli",
    "no-tls",
    "no-dtls",
    "no-multicast-peers",
    "log-file=stdout",
    "simple-log",
    `pidfile=${join(folder, "turnserver.pid")}`,
    `userdb=${join(folder, "turnserver.db")}`,
  ];
  writeFileSync(path, `${lines.join("\n")}\n`, { mode: 0o600 });
  return ["-c", path];
}
