import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, start } from "./cli-process.ts";

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];

function file(name: string, text: string): string {
  const path = join(mesh.folder, name);
  writeFileSync(path, text);
  return path;
}

it("checks a policy, explains it, puts it in force, and shows who signed it", async () => {
  await mesh.join("walter");
  const wrong = file("wrong.yaml", "rules:\n  - alow: call\n");
  const refused = await parley(["policy", "check", wrong, "--offline", ...at("ada")]);
  expect([refused.code, errorOf(refused).code]).toEqual([2, "invalid_argument"]);
  const path = file(
    "policy.yaml",
    [
      "rules:",
      "  - allow: [see, call, message, post, invite]",
      "  - {deny: message, who: '@walter', to: '@ada', note: ask somebody else}",
      "  - {allow: call, who: '@nobody'}",
    ].join("\n"),
  );
  expect(jsonOf(await parley(["policy", "check", path, ...at("ada")]))).toMatchObject({
    valid: true,
    names: true,
    warnings: [{ line: 4, message: "no member is called @nobody" }],
  });
  const asked = ["policy", "explain", "@walter", "message", "@ada"];
  const offline = await parley([...asked, "--file", path, "--home", join(mesh.folder, "none"), "--json"]);
  expect(offline.code).toBe(4);
  expect(jsonOf(await parley([...asked, ...at("ada")]))).toMatchObject({ allowed: true, rule: 1 });
  const unseen = await parley(["policy", "publish", path, ...at("ada")]);
  expect([unseen.code, errorOf(unseen).code]).toEqual([2, "invalid_argument"]);
  expect(jsonOf(await parley(["policy", "publish", path, "--yes", ...at("ada")]))).toMatchObject({
    number: 1,
    changed: true,
  });
  expect(jsonOf(await parley(["policy", "publish", path, "--yes", ...at("ada")]))).toEqual({
    number: 1,
    changed: false,
  });
  const denied = await parley([...asked, ...at("ada")]);
  expect(denied.code).toBe(4);
  expect(JSON.parse(denied.stdout)).toMatchObject({ allowed: false, rule: 2, reason: "denied" });
  const sent = await parley(["send", "@ada", "hello", ...at("walter")]);
  expect([sent.code, errorOf(sent).code]).toEqual([4, "denied_by_policy"]);
  expect(jsonOf(await parley(["policy", "show", ...at("walter")]))).toMatchObject({
    number: 1,
    signedByName: "@ada",
    policy: { rules: [{}, { deny: ["message"] }, {}] },
  });
  const shown = await parley(["policy", "show", "--default", "--home", mesh.home("ada")]);
  expect(shown.stdout).toContain("who: [role:operator, role:member]");
  // Only an operator's key signs.
  const all = file("all.yaml", "rules:\n  - allow: [see, call, message, post, invite, approve]\n");
  const forbidden = await parley(["policy", "publish", all, "--yes", ...at("walter")]);
  expect([forbidden.code, errorOf(forbidden).code]).toEqual([4, "forbidden"]);
  jsonOf(await parley(["policy", "publish", all, "--yes", ...at("ada")]));
});

it("pauses, mutes, kicks and lets go on, and says so where members are listed", async () => {
  await mesh.join("paula", ["--kind", "agent"]);
  expect(
    jsonOf(await parley(["member", "pause", "@paula", "--for", "1h", "--reason", "looks odd", ...at("ada")])),
  ).toMatchObject({ kind: "paused", members: [{ name: "paula" }] });
  const listed = jsonOf<{ members: { name: string; restriction?: object }[] }>(
    await parley(["member", "list", ...at("ada")]),
  );
  expect(listed.members.find(({ name }) => name === "paula")).toMatchObject({
    restriction: { kind: "paused", reason: "looks odd", until: expect.any(Number) },
  });
  expect((await parley(["members", "--home", mesh.home("ada")])).stdout).toMatch(/@paula .*paused until .*looks odd/);
  const sent = await parley(["send", "@ada", "hello", ...at("paula")]);
  expect([sent.code, errorOf(sent).code]).toEqual([4, "paused"]);
  expect(jsonOf(await parley(["status", ...at("paula")]))).toMatchObject({ restriction: { kind: "paused" } });
  jsonOf(await parley(["member", "pause", "--all-agents", ...at("ada")]));
  const single = await parley(["member", "resume", "@paula", ...at("ada")]);
  expect([single.code, errorOf(single).code]).toEqual([1, "conflict"]);
  expect(errorOf(single).message).toContain("--all-agents");
  jsonOf(await parley(["member", "resume", "--all-agents", ...at("ada")]));
  jsonOf(await parley(["send", "@ada", "hello", "--no-wait", ...at("paula")]));
  expect(jsonOf(await parley(["member", "kick", "@paula", ...at("ada")]))).toMatchObject({ sessions: 0 });
  const nobody = await parley(["member", "mute", ...at("ada")]);
  expect([nobody.code, errorOf(nobody).code]).toEqual([2, "invalid_argument"]);
  jsonOf(await parley(["channel", "join", "general", ...at("paula")]));
  jsonOf(await parley(["channel", "mute", "general", "@paula", "--for", "1h", ...at("ada")]));
  const post = await parley(["send", "#general", "hello", ...at("paula")]);
  expect(post.code).not.toBe(0);
  expect(post.stdout).toContain("muted_in_channel");
  jsonOf(await parley(["channel", "unmute", "general", "@paula", ...at("ada")]));
  jsonOf(await parley(["send", "#general", "hello", ...at("paula")]));
});

it("stops an agent that runs, in order, and does not start it before it is resumed", async () => {
  await mesh.join("rita", ["--kind", "agent"]);
  const folder = join(mesh.folder, "rita-agent");
  jsonOf(await parley(["init", "rita", "-d", folder, "--json"]));
  const running = start(["run", folder, ...at("rita")]);
  expect(await running.json()).toMatchObject({ event: "ready" });
  jsonOf(await parley(["member", "stop", "@rita", "--reason", "incident 12", ...at("ada")]));
  const ended = await running.ended;
  expect([ended.code, errorOf(ended).code]).toEqual([4, "stopped"]);
  expect(errorOf(ended).message).toContain("incident 12");
  const again = await parley(["run", folder, ...at("rita")]);
  expect([again.code, errorOf(again).code]).toEqual([4, "stopped"]);
  jsonOf(await parley(["member", "resume", "@rita", ...at("ada")]));
  const back = start(["run", folder, ...at("rita")]);
  expect(await back.json()).toMatchObject({ event: "ready" });
});

it("sets budgets, lets one give way for a time, and shows what was used", async () => {
  await mesh.join("bert", ["--kind", "agent"]);
  jsonOf(await parley(["budget", "set", "@bert", "--messages", "2/h", ...at("ada")]));
  for (const text of ["one", "two"]) jsonOf(await parley(["send", "@ada", text, "--no-wait", ...at("bert")]));
  const over = await parley(["send", "@ada", "three", "--no-wait", ...at("bert")]);
  expect([over.code, errorOf(over).code]).toEqual([4, "over_budget"]);
  expect(jsonOf(await parley(["budget", "show", "@bert", ...at("ada")]))).toMatchObject({
    usage: [{ name: "bert", hour: { messages: 2 }, limits: { hour: { messages: 2 } } }],
  });
  jsonOf(await parley(["budget", "allow", "@bert", "--messages", "5/h", "--for", "1h", ...at("ada")]));
  jsonOf(await parley(["send", "@ada", "three", "--no-wait", ...at("bert")]));
  expect((await parley(["budget", "show", "--home", mesh.home("bert")])).stdout).toMatch(/@bert +messages +3 of 5/);
  jsonOf(await parley(["budget", "remove", "@bert", ...at("ada")]));
});
