import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { beforeAll, expect, it } from "vitest";

import { type CliMesh, shareMesh, startRegistry } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, start, temporaryFolder } from "./cli-process.ts";

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];

interface Entry {
  readonly seq: number;
  readonly act: string;
  readonly outcome: string;
}

const listed = async (...flags: string[]): Promise<readonly Entry[]> =>
  jsonOf<{ entries: readonly Entry[] }>(await parley(["audit", "list", ...flags, ...at("ada")])).entries;

/** Opens the registry's database while the registry is stopped, as somebody with its disk can. */
function change(work: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(join(mesh.folder, "registry", "registry.db"));
  try {
    work(database);
  } finally {
    database.close();
  }
}

const ofAudit = "stream IN (SELECT id FROM log_stream WHERE name LIKE 'audit/%')";

it("lists what was done, by act, member and time, and follows what comes", async () => {
  await mesh.join("bob");
  const entries = await listed();
  expect(entries.map(({ act }) => act)).toEqual(expect.arrayContaining(["mesh.claimed", "member.admitted"]));
  expect((await listed("--act", "member")).every(({ act }) => act === "member.admitted")).toBe(true);
  expect(await listed("--by", "@ada", "--act", "invite.created", "--limit", "1")).toMatchObject([{ outcome: "done" }]);
  expect(await listed("--since", "1h", "--until", "30m")).toEqual([]);
  const people = await parley(["audit", "list", "--home", mesh.home("ada")]);
  expect(people.stdout).toMatch(/ENTRY\s+TIME\s+ACT\s+BY/);
  expect(people.stdout).toMatch(/invite\.created\s+@ada/);
  const following = start(["audit", "list", "--follow", "--act", "invite", "--limit", "1", ...at("ada")]);
  await following.json();
  jsonOf(await parley(["invite", "create", ...at("ada")]));
  expect(await following.json<Entry>()).toMatchObject({ act: "invite.created" });
  await following.stop();
  const refused = await parley(["audit", "list", ...at("bob")]);
  expect([refused.code, errorOf(refused).code]).toEqual([4, "forbidden"]);
});

it("verifies the log, and an exported file against the pinned operators or a mesh's id, where nobody is connected", async () => {
  const report = jsonOf<{ holds: boolean; last: number }>(await parley(["audit", "verify", ...at("ada")]));
  expect(report).toMatchObject({ holds: true, first: 1 });
  const file = join(mesh.folder, "audit.jsonl");
  const exported = jsonOf<{ mesh: string; last: number }>(await parley(["audit", "export", file, ...at("ada")]));
  expect(exported.last).toBeGreaterThanOrEqual(report.last);
  const elsewhere = ["--mesh", exported.mesh, "--home", join(mesh.folder, "nobody"), "--json"];
  for (const flags of [at("ada"), elsewhere])
    expect(jsonOf(await parley(["audit", "verify", file, ...flags]))).toMatchObject({
      holds: true,
      last: exported.last,
    });
  expect((await parley(["audit", "export", file, ...at("ada")])).code).not.toBe(0);

  const text = readFileSync(file, "utf8");
  const lines = text.split("\n");
  const line = lines.findIndex((each) => each.includes('"act":"invite.created"'));
  const offset = lines.slice(0, line).join("\n").length + 1;
  const byte = offset + lines[line]!.indexOf("invite.created");
  writeFileSync(file, `${text.slice(0, byte)}I${text.slice(byte + 1)}`);
  const broken = await parley(["audit", "verify", file, ...elsewhere]);
  expect([broken.code, errorOf(broken)]).toMatchObject([
    4,
    { code: "audit_broken", data: { kind: "altered", line: line + 1, offset, byte, was: "i", is: "I" } },
  ]);
});

it("names a byte that was changed in the registry's database, and an end that was cut off", async () => {
  jsonOf(await parley(["audit", "verify", ...at("ada")]));
  await mesh.registry.stop();
  let entry = 0;
  change((database) => {
    const rows = database.prepare(`SELECT offset, body FROM log_entry WHERE ${ofAudit} ORDER BY offset`).all();
    const victim = rows.find(({ body }) => Buffer.from(body as Uint8Array).includes("member.admitted"));
    const body = Buffer.from(victim?.["body"] as Uint8Array);
    const place = body.indexOf("member.admitted");
    entry = Number(/"seq":(\d+)/.exec(body.subarray(place).toString())?.[1]);
    body[place] = "n".charCodeAt(0);
    database.prepare("UPDATE log_entry SET body = ? WHERE offset = ?").run(body, victim?.["offset"] as number);
  });
  const running = await mesh.restart();
  const altered = await parley(["audit", "verify", "--all", ...at("ada")]);
  expect([altered.code, errorOf(altered)]).toMatchObject([
    4,
    { code: "audit_broken", data: { kind: "altered", entry, was: "m", is: "n" } },
  ]);
  await running.stop();
  change((database) => {
    const rows = database.prepare(`SELECT offset FROM log_entry WHERE ${ofAudit} ORDER BY offset`).all();
    const cut = rows.at(-8)?.["offset"] as number;
    database.prepare(`DELETE FROM log_entry WHERE ${ofAudit} AND offset > ?`).run(cut);
    database.prepare("UPDATE log_stream SET last = ? WHERE name LIKE 'audit/%'").run(cut);
  });
  await mesh.restart();
  const cut = await parley(["audit", "verify", ...at("ada")]);
  expect([cut.code, errorOf(cut)]).toMatchObject([4, { code: "audit_broken", data: { kind: "truncated" } }]);
  // Any other command of an operator says so, too.
  await expect
    .poll(async () => (await parley(["members", "--home", mesh.home("ada")])).stderr, { timeout: 30_000 })
    .toContain("The log ends at entry");
  // Once an operator knows why, it takes the log as it is. What is wrong in it is said all the same.
  const accepted = jsonOf(await parley(["audit", "verify", "--accept", ...at("ada")]));
  expect(accepted).toMatchObject({ holds: false, flaw: { kind: "altered", entry } });
  expect(jsonOf(await parley(["audit", "verify", ...at("ada")]))).toMatchObject({ holds: true });
});

it("has the door tokens that were made and ended, beside a registry and while none ran", async () => {
  const folder = temporaryFolder();
  const [data, home] = [join(folder, "registry"), join(folder, "ada")];
  const { registry, ready } = await startRegistry(data, 0, undefined, ["--chat-port", "0"]);
  jsonOf(await parley(["pair", ready.claim, "--name", "ada", "--home", home, "--json"]));
  const made = jsonOf<{ id: string; token: string }>(
    await parley(["door-token", "create", "lamp", "--data", data, "--json"]),
  );
  const acts = async (): Promise<string> =>
    (await parley(["audit", "list", "--act", "door-token", "--home", home, "--json"])).stdout;
  await expect.poll(acts, { timeout: 30_000 }).toContain("door-token.created");
  await registry.stop();
  jsonOf(await parley(["door-token", "revoke", made.id, "--data", data, "--json"]));
  await startRegistry(data, ready.port, undefined, ["--chat-port", "0"]);
  await expect.poll(acts, { timeout: 30_000 }).toContain("door-token.revoked");
  const { entries } = JSON.parse(await acts()) as { entries: { act: string; subject: string }[] };
  expect(entries.map(({ act, subject }) => [act, subject])).toEqual([
    ["door-token.created", made.id],
    ["door-token.revoked", made.id],
  ]);
  expect(await acts()).not.toContain(made.token);
});
