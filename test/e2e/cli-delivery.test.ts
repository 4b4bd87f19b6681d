import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it } from "vitest";

import { type CliMesh, shareMesh, startMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, start } from "./cli-process.ts";

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

interface Listed {
  readonly id: string;
  readonly direction: string;
  readonly name?: string;
  readonly state: string;
  readonly text?: string;
  readonly facts: readonly { state: string; path?: string; via?: string }[];
}

const at = (name: string, of = mesh): string[] => ["--home", of.home(name), "--json"];
const plainAt = (name: string): string[] => ["--home", mesh.home(name)];

async function list(name: string, flags: readonly string[] = [], of = mesh): Promise<readonly Listed[]> {
  return jsonOf<{ deliveries: Listed[] }>(await parley(["delivery", "list", ...flags, ...at(name, of)])).deliveries;
}

/** Lets a member's device be there until what was sent to it, and its word on that, has passed. */
async function untilHandled(sender: string, id: string): Promise<void> {
  const listening = start(["listen", ...at(sender)]);
  await expect
    .poll(async () => (await list(sender)).find((each) => each.id === id)?.state, { timeout: 30_000 })
    .toBe("handled");
  await listening.stop();
}

it("follows a message from the mailbox to its handler, with the reason of its path and a checked receipt", async () => {
  await mesh.join("bella", ["--kind", "person"]);
  const away = await parley(["send", "@bella", "are you there", "--timeout", "2s", ...plainAt("ada")]);
  expect([away.code, away.stdout]).toEqual([
    3,
    expect.stringMatching(/^stored {2}path: mailbox {2}after .*\nmailbox, because the recipient was not connected\n$/),
  ]);
  const [waiting] = await list("ada", ["--with", "@bella"]);
  expect(waiting).toMatchObject({ direction: "out", name: "bella", state: "stored", text: "are you there" });
  const id = waiting?.id ?? "";

  const listening = start(["listen", "--max", "1", ...at("bella")]);
  expect(await listening.json()).toMatchObject({ id, text: "are you there", path: "mailbox" });
  expect((await listening.ended).code).toBe(0);
  await untilHandled("ada", id);

  const table = (await parley(["delivery", "list", "--with", "@bella", ...plainAt("ada")])).stdout.split("\n");
  const short = table[1]?.split(" ")[0] ?? "";
  expect(table[1]).toMatch(/^[A-Za-z\d][\w-]{0,5}\.1 +out +@bella +handled +mailbox .* are you there$/);
  const shown = await parley(["delivery", "show", short, ...plainAt("ada")]);
  expect(shown.stdout).toMatch(/^handled {2}to @bella\n/);
  expect(shown.stdout).toContain(id);
  expect(shown.stdout).toContain("stored         path: mailbox");
  expect(shown.stdout).toContain("because the recipient was not connected");
  expect(shown.stdout).toMatch(/receipt: delivered by \S+: signature checked\n/);
  expect(shown.stdout).toMatch(/receipt: handled by \S+: signature checked\n/);
  expect(shown.stdout).toMatch(/\nare you there\n$/);
  const [received] = await list("bella");
  expect(received).toMatchObject({ id, direction: "in", name: "ada", state: "handled", text: "are you there" });
});

it("waits for the state that is asked for, says no more than accepted, and ends what has a time limit", async () => {
  await mesh.join("cora", ["--kind", "person"]);
  const accepted = await parley(["send", "@cora", "x", "--no-wait", ...plainAt("ada")]);
  expect([accepted.code, accepted.stdout]).toEqual([0, "accepted\n"]);
  expect(jsonOf(await parley(["send", "@cora", "y", "--until", "stored", ...at("ada")]))).toMatchObject({
    state: "stored",
    path: "mailbox",
    reason: "not-connected",
  });
  const expired = await parley(["send", "@cora", "soon over", "--ttl", "1s", "--timeout", "20s", ...at("ada")]);
  expect([expired.code, JSON.parse(expired.stdout)]).toEqual([4, expect.objectContaining({ state: "expired" })]);
  const [over] = await list("ada", ["--state", "expired"]);
  expect(over?.text).toBe("soon over");

  const listening = start(["listen", ...at("cora")]);
  for (const text of ["x", "y"]) expect(await listening.json()).toMatchObject({ text });
  const handled = await parley(["send", "@cora", "-", "--until", "handled", ...at("ada")], { input: "from\na file\n" });
  expect(jsonOf(handled)).toMatchObject({ state: "handled", label: expect.any(String), reason: expect.any(String) });
  expect(await listening.json()).toMatchObject({ text: "from\na file" });
  const sealed = await parley(["send", "@cora", "sealed", "--path", "relay,mailbox", ...at("ada")]);
  expect(jsonOf(sealed)).toMatchObject({ state: "delivered", path: "relay", reason: "links-forbidden" });
  const ping = await parley(["ping", "@cora", "--count", "1", "--path", "relay", ...plainAt("ada")]);
  expect(ping.stdout).toContain("because the allowed paths leave no room for a link");
  await listening.stop();
  for (const wrong of [
    ["--until", "sent"],
    ["--until", "handled", "--no-wait"],
    ["--path", "pigeon"],
  ])
    expect((await parley(["send", "@cora", "z", ...wrong, ...at("ada")])).code).toBe(2);
});

it("goes through the process that holds the device, and forgets only what ended, when that is confirmed", async () => {
  await mesh.join("dina", ["--kind", "person"]);
  const listening = start(["listen", ...at("dina")]);
  for (const text of ["one", "two"]) jsonOf(await parley(["send", "@dina", text, "--until", "handled", ...at("ada")]));
  expect((await list("dina", ["--in"])).map(({ text }) => text)).toEqual(["one", "two"]);
  expect((await list("dina", ["--newest", "--limit", "1"])).map(({ text }) => text)).toEqual(["two"]);
  const unasked = await parley(["delivery", "purge", "--with", "@ada", ...at("dina")]);
  expect([unasked.code, errorOf(unasked)]).toEqual([
    2,
    {
      code: "invalid_argument",
      message: "This forgets 2 messages that this device remembers; --yes says that it shall.",
    },
  ]);
  const [one] = await list("dina");
  expect(jsonOf(await parley(["delivery", "purge", one?.id ?? "", "--yes", ...at("dina")]))).toEqual({ removed: 1 });
  expect(jsonOf(await parley(["delivery", "purge", "--before", "1d", "--yes", ...at("dina")]))).toEqual({ removed: 0 });
  expect(jsonOf(await parley(["delivery", "purge", "--state", "handled", "--yes", ...at("dina")]))).toEqual({
    removed: 1,
  });
  expect(await list("dina")).toEqual([]);
  expect((await parley(["delivery", "list", "--state", "dead-lettered", ...plainAt("dina")])).stdout).toBe(
    "Nothing that fits is remembered.\n",
  );
  await listening.stop();
});

it("shows what the mailbox could not hand over, puts it back, and drops it", async () => {
  await mesh.join("gus", ["--kind", "person"]);
  await mesh.join("hal", ["--kind", "person"]);
  const path = join(mesh.home("gus"), "identity.json");
  const own = readFileSync(path, "utf8");
  const other = JSON.parse(readFileSync(join(mesh.home("hal"), "identity.json"), "utf8")) as Record<string, unknown>;
  const { encryption, sealing } = other;
  for (const text of ["first", "second"])
    jsonOf(await parley(["send", "@gus", text, "--until", "stored", ...at("ada")]));
  // Without the keys that it was sealed to, no frame can be opened.
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(own) as object), encryption, sealing }));
  const listening = start(["listen", ...at("gus")]);
  const letters = async (): Promise<readonly { offset: number; code: string; name: string }[]> =>
    jsonOf<{ mailbox: { offset: number; code: string; name: string }[] }>(
      await parley(["delivery", "list", "--state", "dead-lettered", ...at("gus")]),
    ).mailbox;
  // The second command sent the first message once more, which nobody had acknowledged.
  await expect.poll(async () => (await letters()).length, { timeout: 30_000 }).toBeGreaterThan(1);
  await listening.stop();
  writeFileSync(path, own);

  const [first, second] = await letters();
  expect(first).toMatchObject({ code: "cannot_open", name: "ada" });
  const [one, two] = [`mailbox.${first?.offset}`, `mailbox.${second?.offset}`];
  const table = await parley(["delivery", "list", "--state", "dead-lettered", ...plainAt("gus")]);
  expect(table.stdout).toMatch(new RegExp(`^${one} +in +@ada +dead-lettered +mailbox .*cannot_open`, "m"));
  expect((await parley(["delivery", "show", one, ...plainAt("gus")])).stdout).toMatch(
    /^dead-lettered {2}from @ada, in the mailbox\n/,
  );
  jsonOf(await parley(["delivery", "redeliver", one, ...at("gus")]));
  const again = start(["listen", "--max", "1", ...at("gus")]);
  expect(await again.json()).toMatchObject({ text: "first" });
  await again.ended;
  expect(jsonOf(await parley(["delivery", "purge", two, "--yes", ...at("gus")]))).toEqual({ removed: 1 });
  jsonOf(await parley(["delivery", "purge", "--state", "dead-lettered", "--yes", ...at("gus")]));
  expect(await letters()).toEqual([]);
});

it("works while the registry is away, and says what it cannot know then", async () => {
  const own = await startMesh();
  await own.join("eve", ["--kind", "person"]);
  const listening = start(["listen", "--max", "1", ...at("eve", own)]);
  const sent = jsonOf<{ id: string }>(
    await parley(["send", "@eve", "hello", "--until", "handled", "--timeout", "60s", ...at("ada", own)]),
  );
  jsonOf(await parley(["send", "@eve", "soon over", "--ttl", "1s", "--no-wait", ...at("ada", own)]));
  await listening.ended;
  await own.registry.stop();

  expect((await list("ada", ["--with", "@eve"], own)).map(({ name, text }) => [name, text])).toEqual([
    ["eve", "hello"],
    ["eve", "soon over"],
  ]);
  const show = await parley(["delivery", "show", sent.id, "--home", own.home("ada")]);
  expect([show.code, show.stdout]).toEqual([0, expect.stringContaining("cannot be checked now")]);
  const again = await parley(["delivery", "redeliver", sent.id, ...at("ada", own)]);
  expect(errorOf(again)).toMatchObject({ code: "conflict", message: expect.stringContaining("is handled") });
  const wrong = await parley(["delivery", "show", "nowhere.1", ...at("ada", own)]);
  expect(errorOf(wrong).code).toBe("not_found");
  expect(jsonOf(await parley(["delivery", "purge", sent.id, "--yes", ...at("ada", own)]))).toEqual({ removed: 1 });
  const letters = await parley(["delivery", "list", "--state", "dead-lettered", "--home", own.home("ada")]);
  expect([letters.code, letters.stderr]).toEqual([0, expect.stringContaining("The registry cannot be reached")]);
});

it("says in a running listen once that the registry went and once that it is back", async () => {
  const own = await startMesh();
  await own.join("fay", ["--kind", "person"]);
  const listening = start(["listen", ...at("fay", own)]);
  await expect
    .poll(async () => (await parley(["ping", "@fay", "--count", "1", ...at("ada", own)])).code, { timeout: 30_000 })
    .toBe(0);
  await own.registry.stop("SIGKILL");
  expect(await listening.json()).toEqual({ type: "connection", connected: false });
  await own.restart();
  expect(await listening.json()).toEqual({ type: "connection", connected: true });
  jsonOf(await parley(["send", "@fay", "back again", ...at("ada", own)]));
  expect(await listening.json()).toMatchObject({ type: "message", text: "back again" });
});

it("refuses at once a home that nothing can be made in", async () => {
  const home = process.platform === "linux" ? "/proc/x" : "/dev/null/x";
  const refused = await parley(["delivery", "list", "--home", home, "--json"]);
  expect([refused.code, errorOf(refused).code]).toEqual([1, "storage_unavailable"]);
});
