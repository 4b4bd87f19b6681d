import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { beforeAll, expect, it, onTestFinished } from "vitest";

import { pathReasonText } from "../../packages/cli/src/path-reason-text.ts";
import { type CliMesh, shareMesh, startRegistry } from "./cli-mesh.ts";
import { type CommandOptions, jsonOf, parley, start, temporaryFolder } from "./cli-process.ts";
import { standIn } from "./stand-in-registry.ts";

interface Report {
  readonly ok: boolean;
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
  readonly findings: readonly {
    readonly check: string;
    readonly verdict: string;
    readonly code: string;
    readonly says: string;
    readonly advice?: string;
    readonly details?: object;
  }[];
}

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

async function doctor(
  home: string,
  flags: readonly string[] = [],
  options: CommandOptions = {},
): Promise<Report & { readonly code: number | null }> {
  const result = await parley(
    ["doctor", "--home", home, "--port", "0", "--data", join(home, "none"), "--json", ...flags],
    options,
  );
  const report = JSON.parse(result.stdout) as Report;
  const wrong = report.findings.filter(({ verdict }) => verdict === "fault" || verdict === "warning");
  for (const { says } of report.findings) expect(says.split("\n")).toHaveLength(1);
  for (const { advice } of wrong) expect(advice).toMatch(/\.$/);
  return { ...report, code: result.code };
}

/** The home of a member, pointed at another registry. One for all who need it, as a registry lets few in in a minute. */
function strayAt(registry: string): string {
  const home = mesh.home("stray");
  const path = join(home, "mesh.json");
  const file = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify({ ...file, registry }), { mode: 0o600 });
  return home;
}

beforeAll(() => mesh.join("stray"));

it("finds nothing broken in a mesh that works, and warns that there is no TURN", async () => {
  const report = await doctor(mesh.home("ada"));
  expect(report).toMatchObject({ code: 0, ok: true, faults: [], warnings: ["no_turn"] });
});

it("names a port in use, but not the registry's own", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  onTestFinished(() => void other.close());
  const address = other.address();
  const busy = typeof address === "object" && address !== null ? address.port : 0;
  expect(await doctor(mesh.home("ada"), ["--port", String(busy)])).toMatchObject({
    code: 1,
    faults: ["address_in_use"],
  });
  expect((await doctor(mesh.home("ada"), ["--port", String(mesh.port)])).faults).toEqual([]);
});

it("names rights that let others read the keys", async () => {
  await mesh.join("open");
  const key = join(mesh.home("open"), "identity.json");
  chmodSync(key, 0o644);
  const report = await doctor(mesh.home("open"));
  expect(report.faults).toContain("storage_unavailable");
  expect(report.findings.find(({ check }) => check === "rights")?.advice).toContain(key);
  chmodSync(key, 0o600);
  chmodSync(mesh.home("open"), 0o755);
  expect((await doctor(mesh.home("open"))).faults).toEqual(["storage_unavailable"]);
});

it("names rights of what lies deeper, a link among the private files, and a .env that others can read", async () => {
  await mesh.join("deep");
  const home = mesh.home("deep");
  await doctor(home);
  mkdirSync(join(home, "journal"), { mode: 0o700, recursive: true });
  const file = join(home, "journal", "old.db");
  writeFileSync(file, "", { mode: 0o600 });
  chmodSync(file, 0o640);
  const found = async (options: CommandOptions = {}) => (await doctor(home, [], options)).findings;
  expect((await found()).find(({ check }) => check === "rights")?.advice).toContain(file);
  chmodSync(file, 0o600);
  symlinkSync("/etc/hostname", join(home, "notes.json"));
  expect((await found()).find(({ check }) => check === "rights")?.says).toContain("notes.json is a link");
  unlinkSync(join(home, "notes.json"));
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "agent.yaml"), "name: deep\n");
  writeFileSync(join(cwd, ".env"), "KEY=secret\n");
  chmodSync(join(cwd, ".env"), 0o644);
  const manifest = (await found({ cwd })).find(({ check }) => check === "manifest");
  expect([manifest?.verdict, manifest?.says]).toEqual(["warning", expect.stringContaining(".env")]);
});

it("names clocks that differ", async () => {
  const shift = (body: Record<string, unknown>) => ({ ...body, time: Number(body["time"]) + 300_000 });
  const home = strayAt(await standIn(mesh.origin, { "/node": shift }, onTestFinished));
  expect((await doctor(home)).faults).toContain("clock_skew");
});

it("names a registry that does not hold the mesh's key", async () => {
  const other = await startRegistry(join(temporaryFolder(), "other"));
  expect((await doctor(strayAt(other.ready.origin))).faults).toEqual(["registry_key_mismatch"]);
});

it("names a registry that cannot be reached", async () => {
  expect((await doctor(strayAt("http://127.0.0.1:1"))).faults).toEqual(["unreachable"]);
});

it("names a member that is not approved yet, and one that was revoked", async () => {
  await mesh.ask("new");
  expect((await doctor(mesh.home("new"))).faults).toEqual(["not_admitted"]);
  await mesh.join("gone");
  jsonOf(await parley(["member", "revoke", "gone", "--home", mesh.home("ada"), "--json"]));
  expect((await doctor(mesh.home("gone"))).faults).toEqual(["revoked"]);
});

it("names a registry of another protocol", async () => {
  const newer = (body: Record<string, unknown>) => ({ ...body, protocol: [99] });
  const report = await doctor(strayAt(await standIn(mesh.origin, { "/version": newer }, onTestFinished)));
  expect(report.faults).toContain("unsupported_version");
  expect(report.findings.find(({ check }) => check === "version")?.advice).toContain("This Parley is too old");
});

it("names a process that holds the device", async () => {
  await mesh.join("held");
  const listener = start(["listen", "--home", mesh.home("held"), "--json"]);
  await expect
    .poll(async () => (await doctor(mesh.home("held"))).warnings, { timeout: 20_000 })
    .toContain("device_in_use");
  expect((await listener.stop()).code).toBe(0);
});

it("dials a member for real, and is honest about what it cannot know without STUN", async () => {
  await mesh.join("callee");
  const listener = start(["listen", "--home", mesh.home("callee"), "--link-address", "127.0.0.1"]);
  const flags = ["--to", "@callee", "--link-address", "127.0.0.1"];
  const dialled = async () => {
    const { findings } = await doctor(mesh.home("ada"), flags);
    return findings.find(({ check }) => check === "dial");
  };
  await expect.poll(dialled, { timeout: 40_000 }).toMatchObject({
    verdict: "ok",
    says: expect.stringContaining(pathReasonText("direct-link")),
    details: { last: "direct", reason: "direct-link" },
  });
  const { findings } = await doctor(mesh.home("ada"));
  expect(findings.find(({ check }) => check === "nat")).toMatchObject({
    verdict: "left-out",
    says: "unknown; no STUN server is configured.",
  });
  expect((await listener.stop()).code).toBe(0);
});

it("names a TURN server of its own that does not answer", async () => {
  const env = { PARLEY_ICE_USERNAME: "me", PARLEY_ICE_CREDENTIAL: "secret" };
  const report = await doctor(mesh.home("ada"), ["--ice-servers", "turn:127.0.0.1:9"], { env });
  expect(report.faults).toEqual(["udp_blocked", "turn_unreachable"]);
  const refused = await parley(["doctor", "--home", mesh.home("ada"), "--ice-servers", "turn:127.0.0.1:9", "--json"]);
  expect(refused.stdout).toContain("invalid_config");
});

it("names a manifest that is not valid", async () => {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, "agent.yaml"), "name: worker\nskils: skills\n");
  const report = await doctor(mesh.home("ada"), [], { cwd });
  expect(report.faults).toEqual(["invalid_manifest"]);
  expect(report.findings.find(({ check }) => check === "manifest")?.says).toContain("agent.yaml:2:1");
});

const hasNamespaces = spawnSync("unshare", ["-Urn", "true"]).status === 0;

it.runIf(hasNamespaces)("names blocked UDP", async () => {
  // A network namespace whose loopback is down passes nothing at all.
  const report = await doctor(mesh.home("ada"), [], { under: ["unshare", "-Urn"] });
  expect(report.faults).toEqual(expect.arrayContaining(["udp_blocked", "unreachable"]));
});

const hasMounts = spawnSync("unshare", ["-Urm", "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0;

it.runIf(hasMounts)("names a full disk", async () => {
  const mount = join(temporaryFolder(), "small");
  mkdirSync(mount, { mode: 0o700 });
  const script = `mount -t tmpfs -o size=8m,mode=700 none ${mount} && cp ${mesh.home("ada")}/*.json ${mount} && exec "$@"`;
  const report = await doctor(mount, [], { under: ["unshare", "-Urm", "sh", "-c", script, "sh"] });
  expect(report.faults).toContain("storage_full");
});

it("judges a new home gently", async () => {
  const report = await doctor(join(temporaryFolder(), "new"), ["--registry", mesh.origin]);
  expect(report).toMatchObject({ code: 0, warnings: expect.arrayContaining(["not_paired"]) });
});
