import { statSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, start } from "./cli-process.ts";

interface Delivered {
  readonly state: string;
  readonly path: string;
  readonly device: string;
}

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

it("pairs by the claim link, invites, approves and lists", async () => {
  const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];
  await mesh.ask("bob");
  const refused = await parley(["agents", ...at("bob")]);
  expect([refused.code, errorOf(refused).code]).toEqual([4, "not_admitted"]);
  const { pending } = jsonOf<{ pending: { name: string; words: string }[] }>(
    await parley(["member", "list", "--pending", ...at("ada")]),
  );
  expect(pending).toMatchObject([{ name: "bob", words: expect.stringMatching(/^(\w+ ){5}\w+$/) }]);
  const { words } = jsonOf<{ words: string }>(await parley(["member", "approve", "@bob", ...at("ada")]));
  expect(words).toBe(pending[0]?.words);
  const { members } = jsonOf<{ members: { name: string; live: boolean }[] }>(await parley(["members", ...at("bob")]));
  expect(members.map(({ name }) => name)).toEqual(expect.arrayContaining(["ada", "bob"]));
  expect(jsonOf(await parley(["agents", ...at("bob")]))).toEqual({ agents: [] });
  expect(jsonOf(await parley(["identity", "show", ...at("bob")]))).toMatchObject({
    name: "bob",
    mesh: { state: "admitted", roles: ["member"] },
  });
  expect(statSync(mesh.home("bob")).mode & 0o777).toBe(0o700);
  expect(statSync(join(mesh.folder, "registry", "node.key")).mode & 0o777).toBe(0o600);
});

it("waits for approval and goes on when it comes", async () => {
  const { text } = jsonOf<{ text: string }>(await parley(["invite", "create", "--home", mesh.home("ada"), "--json"]));
  const pairing = start(["pair", text, "--name", "cleo", "--home", mesh.home("cleo"), "--json"]);
  const { words } = await pairing.json<{ words: string }>();
  const approved = jsonOf<{ words: string }>(
    await parley(["member", "approve", "cleo", "--home", mesh.home("ada"), "--json"]),
  );
  expect(approved.words).toBe(words);
  expect(await pairing.json()).toMatchObject({ state: "admitted", roles: ["member"] });
  expect((await pairing.ended).code).toBe(0);
});

it("tells a rejected member so", async () => {
  await mesh.ask("eve");
  expect(
    (await parley(["member", "reject", "eve", "--reason", "not one of ours", "--home", mesh.home("ada")])).code,
  ).toBe(0);
  const told = await parley(["members", "--home", mesh.home("eve"), "--json"]);
  expect([told.code, errorOf(told).code]).toEqual([4, "rejected"]);
  expect(errorOf(told).message).toContain("not one of ours");
});

it("delivers to a listener, and sends beside one through its process", async () => {
  await mesh.join("dan");
  const listener = start(["listen", "--home", mesh.home("dan"), "--json", "--max", "2"]);
  await expect
    .poll(
      async () =>
        jsonOf<{ members: { name: string; live: boolean }[] }>(
          await parley(["members", "--home", mesh.home("ada"), "--json"]),
        ).members.find(({ name }) => name === "dan")?.live,
      { timeout: 20_000 },
    )
    .toBe(true);
  const sent = jsonOf<Delivered>(await parley(["send", "@dan", "hello dan", "--home", mesh.home("ada"), "--json"]));
  expect(sent).toMatchObject({ state: "delivered", device: expect.any(String) });
  expect(await listener.json()).toMatchObject({
    type: "message",
    text: "hello dan",
    from: { name: "ada", roles: ["operator", "admin"] },
  });

  const beside = await parley(["send", "@ada", "hello ada", "--no-wait", "--home", mesh.home("dan"), "--json"]);
  expect(jsonOf<Delivered>(beside).state).toBe("accepted");
  expect(
    jsonOf(await parley(["listen", "--max", "1", "--timeout", "20s", "--home", mesh.home("ada"), "--json"])),
  ).toMatchObject({ text: "hello ada" });

  const ping = await parley(["ping", "@dan", "--count", "1", "--path", "direct", "--home", mesh.home("ada"), "--json"]);
  expect(jsonOf(ping)).toMatchObject({ path: "direct", rttMs: expect.any(Number) });
  const relayed = await parley([
    "ping",
    "@dan",
    "--count",
    "1",
    "--path",
    "relay",
    "--home",
    mesh.home("ada"),
    "--json",
  ]);
  expect(jsonOf(relayed)).toMatchObject({ path: "relay" });

  jsonOf(await parley(["send", "@dan", "the last one", "--home", mesh.home("ada"), "--json"]));
  expect(await listener.json()).toMatchObject({ text: "the last one" });
  expect((await listener.ended).code).toBe(0);
});

it("says stored, and not delivered, to somebody who is away", async () => {
  await mesh.join("finn");
  const away = await parley(["send", "@finn", "hello", "--timeout", "1s", "--home", mesh.home("ada"), "--json"]);
  expect([away.code, (JSON.parse(away.stdout) as Delivered).state]).toEqual([3, "stored"]);
  expect(
    jsonOf(await parley(["listen", "--max", "1", "--timeout", "20s", "--home", mesh.home("finn"), "--json"])),
  ).toMatchObject({ text: "hello", path: "mailbox" });
});

it("lets a second listener take over when the first one stops", async () => {
  await mesh.join("gus");
  const listen = ["listen", "--home", mesh.home("gus"), "--json"];
  const first = start(listen);
  await expect
    .poll(
      async () =>
        jsonOf<{ warnings: string[] }>(await parley(["doctor", "--home", mesh.home("gus"), "--json"])).warnings,
      { timeout: 20_000 },
    )
    .toContain("device_in_use");
  const second = start([...listen, "--max", "1"]);
  expect((await first.stop()).code).toBe(0);
  const sent = jsonOf<Delivered>(
    await parley(["send", "@gus", "to whoever listens", "--home", mesh.home("ada"), "--json"]),
  );
  expect(sent.state).toBe("delivered");
  expect(await second.json()).toMatchObject({ text: "to whoever listens" });
});

it("revokes a member, who is told and stays out", async () => {
  await mesh.join("hal");
  const listener = start(["listen", "--home", mesh.home("hal"), "--json"]);
  await expect
    .poll(async () => (await parley(["ping", "@hal", "--count", "1", "--home", mesh.home("ada")])).code, {
      timeout: 20_000,
    })
    .toBe(0);
  jsonOf(await parley(["member", "revoke", "@hal", "--reason", "laptop lost", "--home", mesh.home("ada"), "--json"]));
  const ended = await listener.ended;
  expect([ended.code, errorOf(ended).code]).toEqual([4, "revoked"]);
  const back = await parley(["members", "--home", mesh.home("hal"), "--json"]);
  expect([back.code, errorOf(back).code]).toEqual([4, "revoked"]);
  const asked = await parley(["ping", "@hal", "--count", "1", "--home", mesh.home("ada"), "--json"]);
  expect(asked.code).not.toBe(0);
});
