import { beforeAll, expect, it } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley } from "./cli-process.ts";

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];

it("lets in by a pre-approved link at once, as what it says, and shows that", async () => {
  const wanted = ["--approved", "--role", "guest", "--skills", "search", "--channels", "general", "--name", "visitor"];
  const made = jsonOf<{ text: string; invite: string; approved: object }>(
    await parley(["invite", "create", ...wanted, "--member-life", "7d", ...at("ada")]),
  );
  expect(made.approved).toEqual({ roles: ["guest"], name: "visitor" });
  expect(
    jsonOf(await parley(["pair", made.text, "--name", "whoever", "--kind", "agent", ...at("visitor")])),
  ).toMatchObject({
    state: "admitted",
    name: "visitor",
    roles: ["guest"],
  });
  const { members } = jsonOf<{ members: { name: string; admittedUntil: number; scope?: object }[] }>(
    await parley(["member", "list", ...at("ada")]),
  );
  const visitor = members.find(({ name }) => name === "visitor");
  expect(visitor?.scope).toEqual({ skills: ["search"], channels: ["general"] });
  expect(visitor?.admittedUntil).toBeLessThanOrEqual(Date.now() + 7 * 86_400_000);
  const shut = await parley(["channel", "join", "agents", ...at("visitor")]);
  expect([shut.code, errorOf(shut).code]).toEqual([1, "unknown_channel"]);
  expect(
    jsonOf(await parley(["member", "change", "@visitor", "--role", "member", "--no-scope", ...at("ada")])),
  ).toMatchObject({ roles: ["member"], number: 2 });
  jsonOf(await parley(["channel", "join", "agents", ...at("visitor")]));
  expect(jsonOf(await parley(["member", "renew", "@visitor", "--life", "30d", ...at("ada")]))).toMatchObject({
    number: 3,
  });
  const used = await parley(["pair", made.text, "--name", "late", "--kind", "agent", ...at("late")]);
  expect([used.code, errorOf(used).code]).toEqual([4, "expired"]);
});

it("refuses limits without --approved, an approved code, and an operator's role", async () => {
  for (const [flags, words] of [
    [["--role", "guest"], "--approved"],
    [["--approved", "--code"], "approval"],
    [["--approved", "--role", "operator"], "operator add"],
    [["--approved", "--skills", "no such, skill!"], "--skills"],
  ] as const) {
    const refused = await parley(["invite", "create", ...flags, ...at("ada")]);
    expect([refused.code, errorOf(refused).code]).toEqual([2, "invalid_argument"]);
    expect(errorOf(refused).message).toContain(words);
  }
});

it("has several operators, of whom more than half decide from three on", async () => {
  for (const name of ["ben", "cleo", "dora"]) await mesh.join(name, ["--kind", "person"]);
  expect(jsonOf(await parley(["operator", "add", "@ben", "--admin", ...at("ada")]))).toEqual({
    state: "changed",
    number: 2,
  });
  expect(jsonOf(await parley(["operator", "add", "@cleo", ...at("ben")]))).toEqual({ state: "changed", number: 3 });
  const proposed = jsonOf<{ state: string; proposal: string; approved: number; needed: number }>(
    await parley(["operator", "add", "@dora", ...at("ada")]),
  );
  expect(proposed).toMatchObject({ state: "proposed", approved: 1, needed: 2 });
  expect(jsonOf(await parley(["operator", "proposals", ...at("cleo")]))).toMatchObject({
    proposals: [{ proposal: proposed.proposal, byName: "ada", added: [{ name: "dora", admin: false }], removed: [] }],
  });
  const alone = await parley(["operator", "apply", proposed.proposal, ...at("ada")]);
  expect([alone.code, errorOf(alone).code]).toEqual([4, "needs_quorum"]);
  // Cleo agrees and may not publish; an operator with admin carries it out.
  expect(jsonOf(await parley(["operator", "approve", proposed.proposal, ...at("cleo")]))).toMatchObject({
    approved: 2,
  });
  expect(jsonOf(await parley(["operator", "apply", proposed.proposal, ...at("ben")]))).toEqual({
    state: "changed",
    number: 4,
  });
  const { operators } = jsonOf<{ operators: { name: string; admin: boolean }[] }>(
    await parley(["operator", "list", ...at("dora")]),
  );
  expect(operators.map(({ name, admin }) => [name, admin])).toEqual([
    ["ada", true],
    ["ben", true],
    ["cleo", false],
    ["dora", false],
  ]);
  jsonOf(await parley(["invite", "create", ...at("dora")]));
  const member = await parley(["operator", "add", "@ada", ...at("visitor")]);
  expect([member.code, errorOf(member).code]).toEqual([4, "forbidden"]);
  expect(jsonOf(await parley(["operator", "certify", ...at("cleo")]))).toHaveProperty("certifiedUntil");
});

it("gives a lost member's name to its new key", async () => {
  await mesh.join("emil", ["--kind", "person"]);
  const { text } = jsonOf<{ text: string }>(await parley(["invite", "create", "--label", "again", ...at("ada")]));
  const asked = ["--name", "emil", "--kind", "person", "--recover", "--asks", "my laptop was stolen", "--no-wait"];
  jsonOf(await parley(["pair", text, ...asked, ...at("emil-anew")]));
  expect(jsonOf(await parley(["member", "list", "--pending", ...at("ada")]))).toMatchObject({
    pending: [{ name: "emil", inviteLabel: "again", asks: { recovers: true, text: "my laptop was stolen" } }],
  });
  jsonOf(await parley(["member", "approve", "emil", "--replaces", "@emil", ...at("ada")]));
  expect(jsonOf(await parley(["identity", "show", ...at("emil-anew")]))).toMatchObject({ name: "emil" });
  const lost = await parley(["members", ...at("emil")]);
  expect([lost.code, errorOf(lost).code]).toEqual([4, "revoked"]);
});
