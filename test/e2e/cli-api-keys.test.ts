import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it } from "vitest";

import { type CliMesh, shareMesh, startRegistry } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, temporaryFolder } from "./cli-process.ts";

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

interface Made {
  readonly key: string;
  readonly text: string;
  readonly scopes: readonly string[];
}

const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];
const create = async (name: string, ...flags: readonly string[]): Promise<Made> =>
  jsonOf<Made>(await parley(["key", "create", "--name", "ci", ...flags, ...at(name)]));

/** The header of a key, given to curl by its standard input: arguments are seen by everybody. */
function curl(text: string, path: string, registry = mesh.origin): { readonly status: number; readonly body: string } {
  const { stdout } = spawnSync(
    "curl",
    ["--silent", "--header", "@-", "--write-out", "\n%{http_code}", registry + path],
    {
      input: `authorization: Bearer ${text}\n`,
      encoding: "utf8",
    },
  );
  const end = stdout.lastIndexOf("\n");
  return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
}

it("makes, lists and ends API keys, which curl shows to the registry", async () => {
  const made = await create(
    "ada",
    "--scope",
    "directory:read,channels:read",
    "--scope",
    "metrics:read",
    "--life",
    "30d",
  );
  expect(made.scopes).toEqual(["directory:read", "channels:read", "metrics:read"]);
  const { status, body } = curl(made.text, "/v1/members");
  expect([status, (JSON.parse(body) as { members: unknown[] }).members.length]).toEqual([200, 1]);
  expect(curl(made.text, "/metrics").body).toContain("parley_members 1");
  const listed = await parley(["key", "list", "--home", mesh.home("ada")]);
  expect(listed.stdout).toContain(made.key);
  expect(listed.stdout).not.toContain(made.text.slice(17));
  jsonOf(await parley(["key", "revoke", made.text, ...at("ada")]));
  expect(curl(made.text, "/v1/members").status).toBe(401);
  expect(jsonOf(await parley(["key", "list", ...at("ada")]))).toEqual({ keys: [] });
  const again = await parley(["key", "revoke", made.key, ...at("ada")]);
  expect([again.code, errorOf(again).code]).toEqual([1, "not_found"]);
});

it("says what is wrong with the wish for a key", async () => {
  for (const flags of [
    ["--name", "ci"],
    ["--scope", "directory:read"],
    ["--name", "ci", "--scope", "everything"],
    ["--name", "ci", "--scope", "directory:read", "--life", "366d"],
    ["--name", "ci", "--scope", "directory:read", "--from", "here"],
  ]) {
    const refused = await parley(["key", "create", ...flags, ...at("ada")]);
    expect([flags, refused.code, errorOf(refused).code]).toEqual([flags, 2, "invalid_argument"]);
  }
});

it("does what docs/api-keys.md shows", async () => {
  const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "api-keys.md"), "utf8");
  const scripts = [...page.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, script = ""]) => script);
  expect(scripts.length).toBeGreaterThan(5);
  const scopes = "directory:read,channels:read,metrics:read,blobs:read,blobs:write";
  const { key, text } = await create("ada", "--scope", scopes);
  jsonOf(await parley(["channel", "join", "#general", ...at("ada")]));
  jsonOf(await parley(["send", "#general", "hello", ...at("ada")]));
  const output = execFileSync("sh", ["-eu", "-c", scripts.join("\n")], {
    cwd: temporaryFolder(),
    env: { PATH: process.env["PATH"] ?? "", PARLEY_KEY: text, REGISTRY: mesh.origin },
    encoding: "utf8",
  });
  for (const part of ['"name":"general"', '"statement":', "parley_sessions_opened_total", '"stored":true'])
    expect(output).toContain(part);
  jsonOf(await parley(["key", "revoke", key, ...at("ada")]));
});

it("gives a session token that opens the same routes, one for another service that does not, and both outlive a restart", async () => {
  const folder = temporaryFolder();
  const data = join(folder, "registry");
  const { registry, ready } = await startRegistry(data);
  const home = ["--home", join(folder, "ada"), "--json"];
  jsonOf(await parley(["pair", ready.claim, "--name", "ada", ...home]));
  const { token, expires } = jsonOf<{ token: string; expires: number }>(await parley(["session-token", ...home]));
  expect(expires).toBeGreaterThan(Date.now());
  expect(curl(token, "/v1/members/ada", ready.origin).status).toBe(200);
  const other = jsonOf<{ token: string }>(
    await parley(["session-token", "--audience", "https://ci.example.org", ...home]),
  );
  expect(curl(other.token, "/v1/members/ada", ready.origin).status).toBe(401);
  expect(statSync(join(data, "token.keys")).mode & 0o777).toBe(0o600);
  await registry.stop();
  await startRegistry(data, ready.port);
  expect(curl(token, "/v1/members/ada", ready.origin).status).toBe(200);
});
