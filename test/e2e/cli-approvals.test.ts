import { createHash } from "node:crypto";

import { beforeAll, expect, it } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, type RunningCommand, start } from "./cli-process.ts";

let mesh: CliMesh;
let agent: RunningCommand;
beforeAll(async () => {
  const endMesh = await shareMesh((shared) => (mesh = shared));
  await mesh.join("cautious", ["--kind", "agent"]);
  await mesh.join("caller", ["--kind", "agent"]);
  agent = await running();
  return async () => {
    await agent.stop("SIGTERM");
    await endMesh();
  };
});

interface Asked {
  readonly id: string;
  readonly request: string;
  readonly type?: string;
  readonly canonical: string;
  readonly what: { readonly digest: string; readonly text?: string; readonly action: { readonly parts: unknown } };
}

const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];

async function running(): Promise<RunningCommand> {
  // Stopped at the end of the file, or by the test that kills it.
  const command = start(["run", "test/e2e/cautious-agent.ts", ...at("cautious")], {}, () => undefined);
  await command.json();
  return command;
}

const delegating = (input: string, ...more: string[]): RunningCommand =>
  start(["delegate", "@cautious/deploy", input, ...more, ...at("caller")]);

/** What waits for @ada, once there is something. */
async function waiting(count = 1): Promise<readonly Asked[]> {
  let found: readonly Asked[] = [];
  await expect
    .poll(
      async () => {
        found = jsonOf<{ approvals: readonly Asked[] }>(await parley(["approval", "list", ...at("ada")])).approvals;
        return found.length;
      },
      { timeout: 30_000 },
    )
    .toBe(count);
  return found;
}

async function resultOf(command: RunningCommand): Promise<unknown> {
  const { stdout } = await command.ended;
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

it("asks a person, shows what the digest is of, and goes on with the yes", async () => {
  const run = delegating('{"to":"production"}');
  const [asked] = await waiting();
  const id = asked?.id ?? "";
  const shown = jsonOf<Asked>(await parley(["approval", "show", id, ...at("ada")]));
  expect(shown.what.action.parts).toEqual([{ data: { to: "production" } }]);
  expect(createHash("sha256").update(shown.canonical).digest("base64url")).toBe(shown.what.digest);
  const text = await parley(["approval", "show", id, "--home", mesh.home("ada")]);
  expect(text.stdout).toContain("@caller -> @cautious/deploy");
  expect(text.stdout).toContain('"to": "production"');
  expect(jsonOf(await parley(["approval", "grant", id, ...at("ada")]))).toMatchObject({ requests: [asked?.request] });
  expect(await resultOf(run)).toMatchObject({ type: "result", output: "deployed to production" });
  expect((await run.ended).stdout).toContain(
    '"type":"waiting","for":"others","text":"This waits for the approval of @ada."',
  );
  await waiting(0);
});

it("is denied by a person", async () => {
  const run = delegating('{"to":"production"}');
  const [asked] = await waiting();
  jsonOf(await parley(["approval", "deny", asked?.id ?? "", ...at("ada")]));
  expect(errorOf(await run.ended).code).toBe("approval_denied");
});

it("goes on after the agent was killed in between", async () => {
  const run = delegating('{"to":"the moon"}');
  const [asked] = await waiting();
  await agent.stop("SIGKILL");
  jsonOf(await parley(["approval", "grant", asked?.id ?? "", ...at("ada")]));
  agent = await running();
  expect(await resultOf(run)).toMatchObject({ type: "result", output: "deployed to the moon" });
});

it("asks before it grants several, and grants calls to come until it is revoked", async () => {
  const both = [delegating('{"to":"a"}'), delegating('{"to":"b"}')];
  await waiting(2);
  const all = ["approval", "grant", "--all-of", "@cautious", "--standing", "1", "--for", "10m"];
  expect(errorOf(await parley([...all, ...at("ada")])).code).toBe("invalid_argument");
  jsonOf(await parley([...all, "--yes", ...at("ada")]));
  for (const run of both) expect(await resultOf(run)).toMatchObject({ type: "result" });
  const standing = async (name: string): Promise<readonly { id: string; way: string; left?: number }[]> =>
    jsonOf<{ standing: [] }>(await parley(["approval", "standing", "list", ...at(name)])).standing;
  // One for each of the two that were asked.
  expect(await standing("cautious")).toMatchObject([
    { way: "held", left: 1 },
    { way: "held", left: 1 },
  ]);
  const [first, second] = await standing("ada");
  jsonOf(await parley(["approval", "standing", "revoke", first?.id ?? "", ...at("ada")]));
  await expect
    .poll(async () => (await standing("cautious")).map(({ id }) => id), { timeout: 30_000 })
    .toEqual([second?.id]);
  expect(await resultOf(delegating('{"to":"c"}'))).toMatchObject({ type: "result", output: "deployed to c" });
  const asks = delegating('{"to":"d"}');
  const [asked] = await waiting();
  jsonOf(await parley(["approval", "deny", asked?.id ?? "", ...at("ada")]));
  await asks.ended;
});

it("answers questions of the agent, the caller's by an option and a person's from the inbox", async () => {
  const nobody = await parley(["delegate", "@cautious/paint", "{}", ...at("caller")]);
  expect(errorOf(nobody)).toMatchObject({ code: "invalid_argument" });
  expect(errorOf(nobody).message).toContain("Which colour?");
  const run = start(["delegate", "@cautious/paint", "{}", "--answer", "blue", ...at("caller")]);
  await waiting();
  const { waiting: inbox } = jsonOf<{ waiting: readonly Asked[] }>(await parley(["inbox", ...at("ada")]));
  expect(inbox).toMatchObject([{ type: "question", what: { text: "How thick?" } }]);
  jsonOf(await parley(["approval", "reply", inbox[0]?.id ?? "", "very", ...at("ada")]));
  expect(await resultOf(run)).toMatchObject({ type: "result", output: "painted blue, very" });
});

it("has members that wait and approvals in one list", async () => {
  await mesh.ask("newcomer");
  const run = delegating('{"to":"production"}');
  await waiting();
  const text = await parley(["inbox", "--home", mesh.home("ada")]);
  expect(text.stdout).toContain("@newcomer");
  expect(text.stdout).toContain("parley member approve newcomer");
  expect(text.stdout).toContain("parley approval grant");
  const [asked] = await waiting();
  jsonOf(await parley(["approval", "deny", asked?.id ?? "", ...at("ada")]));
  await run.ended;
});
