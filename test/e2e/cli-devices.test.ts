import { readFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, start } from "./cli-process.ts";

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

interface Listed {
  readonly devices: readonly { label: string; device: string; presence: string; sealed: boolean; self: boolean }[];
}

const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];

/** Opens a link in one home and a new device by it in another. */
async function addDevice(from: string, to: string, flags: readonly string[] = []): Promise<{ device: string }> {
  const inviting = start(["device", "invite", ...flags, ...at(from)]);
  const { text } = await inviting.json<{ text: string }>();
  const joined = jsonOf<{ state: string; device: string }>(await parley(["pair", text, ...at(to)]));
  expect(joined.state).toBe("enrolled");
  expect(jsonOf(await inviting.ended)).toMatchObject({ event: "enrolled", device: joined.device });
  return joined;
}

it("adds a second machine to a person, who hears on both, and takes it away again", async () => {
  await mesh.join("dora", ["--kind", "person"]);
  const desk = start(["listen", "--max", "2", ...at("dora")]);
  await expect
    .poll(async () => (await parley(["ping", "@dora", "--count", "1", ...at("ada")])).code, { timeout: 30_000 })
    .toBe(0);
  // The desk's process holds the device: the command goes through it.
  const { device } = await addDevice("dora", "dora-phone", ["--label", "phone"]);
  expect(jsonOf(await parley(["identity", "show", ...at("dora-phone")]))).toMatchObject({ name: "dora", root: false });
  expect(readFileSync(join(mesh.home("dora-phone"), "identity.json"), "utf8")).not.toContain('"root":');
  const phone = start(["listen", "--max", "1", ...at("dora-phone")]);
  await expect
    .poll(async () => jsonOf<Listed>(await parley(["device", "list", ...at("dora")])).devices, { timeout: 30_000 })
    .toMatchObject([
      { presence: "connected", sealed: true, self: true },
      { label: "phone", device, presence: "connected", sealed: true, self: false },
    ]);
  jsonOf(await parley(["send", "@dora", "to both of you", ...at("ada")]));
  expect(await desk.json()).toMatchObject({ text: "to both of you" });
  expect(await phone.json()).toMatchObject({ text: "to both of you" });
  expect((await phone.ended).code).toBe(0);

  const listening = start(["listen", ...at("dora-phone")]);
  await expect
    .poll(async () => jsonOf<Listed>(await parley(["device", "list", ...at("dora")])).devices[1]?.presence, {
      timeout: 30_000,
    })
    .toBe("connected");
  expect(jsonOf(await parley(["device", "remove", "phone", ...at("dora")]))).toEqual({
    removed: device,
    label: "phone",
  });
  const ended = await listening.ended;
  expect([ended.code, errorOf(ended).code]).toEqual([4, "device_removed"]);
  jsonOf(await parley(["send", "@dora", "to the desk alone", ...at("ada")]));
  expect(await desk.json()).toMatchObject({ text: "to the desk alone" });
  const { members } = jsonOf<{ members: { name: string; stale: boolean; devicesAt: number }[] }>(
    await parley(["member", "list", ...at("ada")]),
  );
  expect(members.find(({ name }) => name === "dora")).toMatchObject({ stale: false, devicesAt: expect.any(Number) });
});

it("refuses a used link, a home that is taken, and a device without the root key", async () => {
  await mesh.join("emil", ["--kind", "person"]);
  const inviting = start(["device", "invite", ...at("emil")]);
  const { text } = await inviting.json<{ text: string }>();
  const taken = await parley(["pair", text, ...at("ada")]);
  expect([taken.code, errorOf(taken).code]).toEqual([1, "already_exists"]);
  jsonOf(await parley(["pair", text, ...at("emil-two")]));
  expect((await inviting.ended).code).toBe(0);
  const used = await parley(["pair", text, ...at("emil-three")]);
  expect([used.code, errorOf(used).code]).toEqual([4, "expired"]);
  const rootless = await parley(["device", "invite", ...at("emil-two")]);
  expect([rootless.code, errorOf(rootless).code]).toEqual([4, "forbidden"]);
});
