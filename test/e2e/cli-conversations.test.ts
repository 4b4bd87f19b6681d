import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Home } from "@parley/client/node";
import { attachDevice } from "@parley/sidecar";
import { beforeAll, expect, it, vi } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, type RunningCommand, start } from "./cli-process.ts";

// Each of these is dozens of processes, one after the other.
vi.setConfig({ testTimeout: 240_000 });

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

interface Said {
  readonly id: string;
  readonly content: { readonly type: string; readonly text?: string };
  readonly protection: string;
  readonly unreadable?: string;
  readonly edited?: number;
  readonly reactions: Readonly<Record<string, readonly string[]>>;
}

const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];
const plainAt = (name: string): string[] => ["--home", mesh.home(name)];
const person = (name: string): Promise<void> => mesh.join(name, ["--kind", "person"]);

/** A process that holds a member's device and prints what comes. */
const listen = (name: string, ...rest: string[]): RunningCommand => start(["listen", ...rest, ...at(name)]);

/** The same, once it holds the device: other commands go through it. */
async function holding(name: string, ...rest: string[]): Promise<RunningCommand> {
  const listening = listen(name, ...rest);
  const { socketPath } = await Home.open(mesh.home(name));
  const isHeld = (): Promise<boolean> =>
    attachDevice(socketPath).then(
      async (device) => device.stop().then(() => device.state === "connected"),
      () => false,
    );
  await expect.poll(isHeld, { timeout: 60_000 }).toBe(true);
  return listening;
}

async function history(name: string, conversation: string, ...rest: string[]): Promise<readonly Said[]> {
  return jsonOf<{ messages: Said[] }>(await parley(["history", conversation, ...rest, ...at(name)])).messages;
}

it("keeps a conversation that is edited, reacted to, found and exported, and asks before it takes strangers", async () => {
  await person("bob");
  const [ada, bob] = await Promise.all([holding("ada"), holding("bob")]);
  jsonOf(await parley(["send", "@bob", "three o'clock?", ...at("ada")]));
  const first = await bob.json<{ id: string; request: boolean }>();
  expect(first).toMatchObject({ type: "message", text: "three o'clock?", request: true, secret: false, replay: false });
  const asking = jsonOf<{ contacts: unknown[] }>(
    await parley(["contact", "list", "--standing", "request", ...at("bob")]),
  );
  expect(asking.contacts).toEqual([expect.objectContaining({ name: "ada", standing: "request" })]);
  expect(jsonOf(await parley(["status", ...at("bob")]))).toMatchObject({
    session: "connected",
    unread: [{ name: "@ada", unread: 1 }],
    requests: [{ name: "ada" }],
  });
  const accepted = jsonOf(await parley(["contact", "accept", "@ada", ...at("bob")]));
  expect(accepted).toMatchObject({ name: "ada", standing: "accepted", trust: "unverified", secret: "none" });

  jsonOf(await parley(["message", "edit", "@bob", first.id, "four o'clock?", ...at("ada")]));
  const plain = (await parley(["history", "@ada", ...plainAt("bob")])).stdout;
  expect(plain).toMatch(/^\d\d:\d\d:\d\d {2}[\w-]+\.1 {2}@ada {2}\(.*sealed, edited\) {2}four o'clock\?\n$/);
  const short = plain.split("  ")[1] ?? "";
  jsonOf(await parley(["message", "react", "@ada", short, "👍", ...at("bob")]));
  jsonOf(await parley(["send", "@ada", "yes, four", "--answers", short, ...at("bob")]));
  expect(await ada.json()).toMatchObject({ text: "yes, four", answers: first.id, request: false });
  expect(await history("ada", "@bob")).toMatchObject([
    { id: first.id, content: { text: "four o'clock?" }, reactions: { "👍": [expect.any(String)] }, own: true },
    { content: { text: "yes, four", answers: first.id } },
  ]);
  const found = jsonOf<{ messages: Said[] }>(await parley(["search", "FOUR", "o'cl", "--in", "@ada", ...at("bob")]));
  expect(found.messages).toMatchObject([{ id: first.id, conversationName: "@ada" }]);
  const foreign = await parley(["message", "edit", "@ada", first.id, "mine", ...at("bob")]);
  expect([foreign.code, errorOf(foreign).code]).toEqual([4, "forbidden"]);
  jsonOf(await parley(["message", "retract", "@ada", (await history("bob", "@ada"))[1]?.id ?? "", ...at("bob")]));

  const file = join(mesh.folder, "bob.jsonl");
  expect(jsonOf(await parley(["export", "@bob", "--output", file, ...at("ada")]))).toEqual({ file, messages: 2 });
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  expect(lines.map((line) => (JSON.parse(line) as Said).content)).toMatchObject([
    { type: "text", text: "four o'clock?" },
    { type: "retract" },
  ]);
  expect((await parley(["export", "@bob", "--output", file, ...at("ada")])).code).toBe(1);

  await history("bob", "@ada", "--read");
  expect(jsonOf(await parley(["status", ...at("bob")]))).toMatchObject({ unread: [], requests: [] });
  await Promise.all([ada.stop(), bob.stop()]);
  // What was said is there for the next process, with or without the registry.
  expect(await history("bob", "@ada")).toHaveLength(2);
});

it("compares words, protects a conversation with a secret, and refuses to go back", async () => {
  await person("cora");
  const [ada, cora] = await Promise.all([holding("ada"), holding("cora")]);
  const words = async (name: string, other: string, ...rest: string[]) =>
    jsonOf<{ words: string[]; trust: string }>(await parley(["verify", other, ...rest, ...at(name)]));
  const [here, there] = [await words("ada", "@cora"), await words("cora", "@ada")];
  expect(here.words).toHaveLength(12);
  expect(there.words).toEqual(here.words);
  expect([here.trust, (await words("ada", "@cora", "--confirm")).trust]).toEqual(["unverified", "verified"]);

  const made = await parley(["secret", "new", "@cora", ...plainAt("ada")]);
  expect(made.stdout).toMatch(/^parley-secret-[\w-]{43}\n$/);
  jsonOf(await parley(["send", "@cora", "for you alone", "--until", "stored", ...at("ada")]));
  expect(await cora.json()).toMatchObject({ type: "unreadable", unreadable: "no-secret" });
  expect(await history("cora", "@ada")).toMatchObject([{ protection: "secret", unreadable: "no-secret" }]);
  const set = await parley(["secret", "set", "@ada", ...at("cora")], { input: made.stdout });
  expect([set.stdout, set.stderr.includes(made.stdout.trim())]).toEqual(['{"secret":"random"}\n', false]);
  await expect
    .poll(() => history("cora", "@ada"), { timeout: 20_000 })
    .toMatchObject([{ protection: "secret", content: { text: "for you alone" } }]);
  jsonOf(await parley(["send", "@cora", "and on", ...at("ada")]));
  expect(await cora.json()).toMatchObject({ text: "and on", secret: true, protection: "secret" });

  jsonOf(await parley(["secret", "remove", "@ada", ...at("cora")]));
  const downgrade = await parley(["send", "@ada", "in the open", ...at("cora")]);
  expect([downgrade.code, JSON.parse(downgrade.stdout)]).toEqual([
    4,
    expect.objectContaining({ state: "refused", error: expect.objectContaining({ code: "secret_required" }) }),
  ]);
  const weak = await parley(["secret", "set", "@ada", ...plainAt("cora")], { input: "password1\n" });
  expect([weak.code, weak.stdout]).toEqual([0, "set, from a phrase\n"]);
  expect(weak.stderr).toContain("The phrase is weak");
  expect((await parley(["secret", "set", "@ada", ...at("cora")], { input: "\n" })).code).toBe(2);
  await Promise.all([ada.stop(), cora.stop()]);
});

it("takes nothing from who is blocked, until the block ends", async () => {
  await person("dora");
  const dora = await holding("dora");
  jsonOf(await parley(["send", "@dora", "hello", ...at("ada")]));
  expect(await dora.json()).toMatchObject({ text: "hello" });
  expect(jsonOf(await parley(["contact", "block", "@ada", ...at("dora")]))).toMatchObject({ standing: "blocked" });
  const refused = await parley(["send", "@dora", "still there?", "--timeout", "3s", ...at("ada")]);
  expect(refused.code).not.toBe(0);
  expect(["accepted", "refused"]).toContain((JSON.parse(refused.stdout) as { state: string }).state);
  const own = await parley(["send", "@ada", "me first", ...at("dora")]);
  expect([own.code, errorOf(own).code]).toEqual([4, "blocked"]);
  expect(jsonOf(await parley(["contact", "unblock", "@ada", ...at("dora")]))).toMatchObject({ standing: "unknown" });
  jsonOf(await parley(["send", "@dora", "again", ...at("ada")]));
  const texts = (await history("dora", "@ada")).map(({ content }) => content.text);
  expect([texts.at(0), texts.at(-1)]).toEqual(["hello", "again"]);
  await dora.stop();
});

it("listens to channels from where it stopped, however it stopped, without gap or replay", async () => {
  await person("eva");
  const ada = await holding("ada");
  const early = await parley(["send", "#general", "too early", ...at("eva")]);
  expect([early.code, errorOf(early).code]).toEqual([4, "not_in_channel"]);
  const post = async (text: string): Promise<string> =>
    jsonOf<{ id: string }>(await parley(["send", "#general", text, ...at("ada")])).id;
  jsonOf(await parley(["channel", "join", "general", ...at("ada")]));
  const first = await holding("eva", "general");
  await expect
    .poll(
      async () =>
        jsonOf<{ joined: boolean; members: number }>(await parley(["channel", "join", "#general", ...at("ada")]))
          .members,
      {
        timeout: 20_000,
      },
    )
    .toBe(2);
  await post("one");
  expect(await first.json()).toMatchObject({ channel: "general", text: "one", replay: false, redelivered: false });
  await first.stop("SIGKILL");
  const second = await post("two");
  await post("three, @eva");
  const rest = listen("eva", "general");
  const heard = (): Promise<{ text: string; redelivered: boolean }> => rest.json();
  const begin = await heard();
  // Killed between printing it and writing down that it was printed: it may come again, and then says so.
  const isAgain = begin.text === "one";
  expect(begin.redelivered).toBe(isAgain);
  expect(isAgain ? await heard() : begin).toMatchObject({ text: "two", id: second, mentioned: false });
  expect(await heard()).toMatchObject({
    text: "three, @eva",
    mentioned: true,
    from: { name: "ada" },
    protection: "signed",
  });
  await rest.stop();
  expect((await listen("eva", "general", "--max", "1", "--timeout", "2s").ended).code).toBe(1);
  const all = (await listen("eva", "general", "--since", "0", "--max", "3").ended).stdout.trimEnd().split("\n");
  expect(all.map((line) => (JSON.parse(line) as { text: string }).text)).toEqual(["one", "two", "three, @eva"]);
  await ada.stop();
});

it("leaves to the next listener what the reader of a pipe did not take", async () => {
  await person("fay");
  const ada = await holding("ada");
  const post = async (text: string): Promise<void> =>
    void jsonOf(await parley(["send", "#general", text, ...at("ada")]));
  jsonOf(await parley(["channel", "join", "general", ...at("ada")]));
  await post("four");
  await post("five");
  // The reader goes after one line: the other one is for the next.
  const main = join(import.meta.dirname, "..", "..", "packages", "cli", "src", "main.ts");
  const pipe = spawn(
    "sh",
    [
      "-c",
      '"$0" "$1" listen general --replay 2 --json --home "$2" | head -n 1',
      process.execPath,
      main,
      mesh.home("fay"),
    ],
    {
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  let piped = "";
  pipe.stdout.on("data", (part: Buffer) => (piped += part.toString()));
  const closed = once(pipe, "close");
  await expect.poll(() => piped, { timeout: 30_000 }).toContain("four");
  await closed;
  const next = listen("fay", "general", "--max", "1", "--timeout", "30s");
  expect(await next.json()).toMatchObject({ text: "five" });
  expect((await next.ended).code).toBe(0);
  await ada.stop();
});

it("shows a thread alone, and exports a channel with what is only at the registry", async () => {
  await person("gwen");
  const ada = await holding("ada");
  jsonOf(await parley(["channel", "create", "builds", ...at("ada")]));
  const { id } = jsonOf<{ id: string }>(await parley(["send", "#builds", "release?", ...at("ada")]));
  jsonOf(await parley(["send", "#builds", "something else", ...at("ada")]));
  jsonOf(await parley(["channel", "join", "builds", ...at("gwen")]));
  jsonOf(await parley(["send", "#builds", "tomorrow", "--thread", id, ...at("gwen")]));
  const thread = await history("ada", "#builds", "--thread", id);
  expect(thread.map(({ content }) => content.text)).toEqual(["release?", "tomorrow"]);
  const exported = (await parley(["export", "#builds", ...plainAt("gwen")])).stdout.trimEnd().split("\n");
  expect(exported.map((line) => (JSON.parse(line) as Said).content.text)).toEqual([
    "release?",
    "something else",
    "tomorrow",
  ]);
  const wrong = await parley(["listen", "--since", "3", ...at("gwen")]);
  expect([wrong.code, errorOf(wrong).message]).toEqual([2, "--since is an offset of one channel; name that one."]);
  await ada.stop();
});

it("keeps an encrypted channel among those who were let in", async () => {
  await person("finn");
  await person("gil");
  const ada = await holding("ada");
  const made = jsonOf(
    await parley(["channel", "create", "plans", "--invite-only", "--topic", "what next", ...at("ada")]),
  );
  expect(made).toMatchObject({ name: "plans", kind: "invite", encrypted: true, topic: "what next", members: 1 });
  expect((await parley(["channel", "join", "plans", ...at("gil")])).code).not.toBe(0);
  jsonOf(await parley(["channel", "invite", "plans", "@finn", ...at("ada")]));
  jsonOf(await parley(["channel", "join", "plans", ...at("finn")]));
  jsonOf(await parley(["send", "#plans", "between us", ...at("ada")]));
  expect(await history("finn", "#plans")).toMatchObject([{ content: { text: "between us" }, protection: "group" }]);
  const members = jsonOf<{ members: { name: string }[] }>(await parley(["channel", "members", "plans", ...at("finn")]));
  expect(members.members.map(({ name }) => name).toSorted()).toEqual(["ada", "finn"]);
  const seen = jsonOf<{ channels: { name: string }[] }>(await parley(["channel", "list", ...at("gil")])).channels;
  expect(seen.map(({ name }) => name)).not.toContain("plans");
  expect((await parley(["channel", "topic", "plans", "what then", ...plainAt("finn")])).stdout).toBe("what then\n");
  jsonOf(await parley(["channel", "kick", "plans", "@finn", ...at("ada")]));
  jsonOf(await parley(["send", "#plans", "without finn", ...at("ada")]));
  // Who is out of it keeps what it had, by the name that it knew, and gets no more.
  const kept = jsonOf<{ name: string; messages: Said[] }>(await parley(["channel", "history", "plans", ...at("finn")]));
  expect(kept).toMatchObject({ name: "#plans", messages: [{ content: { text: "between us" } }] });
  expect(jsonOf(await parley(["channel", "archive", "plans", ...at("ada")]))).toMatchObject({
    archived: expect.any(Number),
  });
  const late = await parley(["send", "#plans", "too late", ...at("ada")]);
  expect([late.code, errorOf(late).code]).toEqual([1, "archived"]);
  await ada.stop();
});
