import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { type Clock, MeshTrust, peekStatement, sha256, signStatement, systemClock, verifyDevices } from "@parley/core";
import { expect, it } from "vitest";

import { certifyDevice, createIdentityDraft, type JoinedMesh } from "../../src/index.ts";
import { encryptionKeyKeepMs, encryptionKeyLifeMs, Home } from "../../src/node/index.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const start = 1_800_000_000_000;

function clockAt(now: () => number): Clock {
  return { ...systemClock, now };
}

/** A member that is its own operator, as after a claim. */
async function joinedMesh(name: string): Promise<JoinedMesh> {
  const draft = await createIdentityDraft({ name, kind: "person", label: "desk" });
  const { root, member } = draft;
  if (root === undefined) throw new Error("a new draft has its root key");
  const genesis = await signStatement(
    "genesis",
    { nonce: "AAAAAAAAAAAAAAAAAAAAAA", operators: [{ member, key: root.publicKey }], iat: start },
    root,
  );
  const mesh = await sha256(genesis);
  const admission = await signStatement(
    "admission",
    { mesh, member, name, kind: "person", roles: ["operator"], number: 1, iat: start, exp: start * 2 },
    root,
  );
  const trust = await MeshTrust.pin([genesis], undefined, { now: () => start });
  return {
    registry: "http://127.0.0.1:8080",
    trust,
    identity: await certifyDevice(draft, { mesh, number: 1, now: start }),
    admission,
    roles: ["operator"],
  };
}

async function homeWith(joined: JoinedMesh, clock: Clock): Promise<Home> {
  const home = await Home.open(join(temporaryFolder(), "home"), { clock });
  await home.saveDraft(joined.identity);
  await home.saveJoined(joined);
  return home;
}

it("keeps a member and its mesh in private files", async () => {
  const joined = await joinedMesh("ada");
  const home = await homeWith(
    joined,
    clockAt(() => start),
  );
  expect(statSync(home.path).mode & 0o777).toBe(0o700);
  expect(readdirSync(home.path).toSorted()).toEqual(["identity.json", "mesh.json"]);
  for (const file of readdirSync(home.path)) expect(statSync(join(home.path, file)).mode & 0o777).toBe(0o600);
  const { identity, trust, registry, state } = await home.mesh();
  expect([identity.member, identity.name, identity.device.id]).toEqual([
    joined.identity.member,
    "ada",
    joined.identity.device.id,
  ]);
  expect([trust.mesh, registry, state]).toEqual([joined.trust.mesh, "http://127.0.0.1:8080", "admitted"]);
});

it("never overwrites a member", async () => {
  const home = await homeWith(
    await joinedMesh("ada"),
    clockAt(() => start),
  );
  await expect(
    home.saveDraft(await createIdentityDraft({ name: "eve", kind: "person", label: "desk" })),
  ).rejects.toMatchObject({ code: "already_exists" });
});

it("renews the encryption key after a week, lists it, and keeps the old one for a month", async () => {
  let now = start;
  const home = await homeWith(
    await joinedMesh("ada"),
    clockAt(() => now),
  );
  now = start + encryptionKeyLifeMs - 1;
  expect((await home.heldMesh()).identity.encryptionKeys).toHaveLength(1);
  now = start + encryptionKeyLifeMs;
  const { identity, trust } = await home.heldMesh();
  expect(identity.encryptionKeys).toHaveLength(2);
  const listed = await verifyDevices(trust.mesh, identity.member, identity.rootKey, identity.devices);
  expect([listed.number, listed.encryption.kid]).toEqual([2, identity.encryptionKeys[1]?.kid]);
  now = start + encryptionKeyLifeMs + encryptionKeyKeepMs;
  const later = (await home.heldMesh()).identity.encryptionKeys.map(({ kid }) => kid);
  expect(later).toHaveLength(2);
  expect(later[0]).toBe(identity.encryptionKeys[1]?.kid);
});

it("signs the list anew when a crash came between a new key and its list", async () => {
  let now = start;
  const home = await homeWith(
    await joinedMesh("ada"),
    clockAt(() => now),
  );
  const before = readFileSync(join(home.path, "mesh.json"), "utf8");
  now = start + encryptionKeyLifeMs;
  await home.heldMesh();
  writeFileSync(join(home.path, "mesh.json"), before);
  const { identity } = await home.heldMesh();
  expect(peekStatement("devices", identity.devices).encryption.kid).toBe(identity.encryptionKeys.at(-1)?.kid);
});

it("writes changed pins down for the holder only", async () => {
  const home = await homeWith(
    await joinedMesh("ada"),
    clockAt(() => start),
  );
  (await home.mesh()).trust.acceptVersion(7);
  await home.flush();
  expect((await home.mesh()).trust.pins.version).toBe(0);
  const held = await home.heldMesh();
  held.trust.acceptVersion(1);
  held.trust.acceptVersion(2);
  await home.flush();
  expect((await home.mesh()).trust.pins.version).toBe(2);
});

it.each([
  ["cut short", (text: string) => text.slice(0, text.length / 2)],
  ["empty", () => ""],
  ["of another program", () => '{"hello":"world"}'],
  ["with a field too many", (text: string) => text.replace("{", '{"extra":1,')],
  ["with a changed member", (text: string) => text.replace(/"member": "./, '"member": "_')],
  ["with a damaged key", (text: string) => text.replace(/"root": "...../, '"root": "AAAAA')],
])("says in one sentence what to do about an identity file that is %s", async (_, damage) => {
  const home = await homeWith(
    await joinedMesh("ada"),
    clockAt(() => start),
  );
  const path = join(home.path, "identity.json");
  writeFileSync(path, damage(readFileSync(path, "utf8")));
  await expect(home.mesh()).rejects.toMatchObject({
    code: "invalid_config",
    message: expect.stringMatching(/identity\.json is damaged; .+\.$/),
  });
});

it("says what to do about damaged pins", async () => {
  const home = await homeWith(
    await joinedMesh("ada"),
    clockAt(() => start),
  );
  writeFileSync(join(home.path, "mesh.json"), "{}", { mode: 0o600 });
  await expect(home.mesh()).rejects.toMatchObject({
    code: "invalid_config",
    message: expect.stringContaining("pair again"),
  });
});

it("refuses keys that others can read, and a shared folder", async () => {
  const home = await homeWith(
    await joinedMesh("ada"),
    clockAt(() => start),
  );
  chmodSync(join(home.path, "identity.json"), 0o644);
  await expect(home.mesh()).rejects.toMatchObject({
    code: "storage_unavailable",
    message: expect.stringContaining("chmod 600"),
  });
  chmodSync(home.path, 0o755);
  await expect(Home.open(home.path)).rejects.toMatchObject({
    code: "storage_unavailable",
    message: expect.stringContaining("chmod 700"),
  });
});

it("closes an empty folder that was made for it", async () => {
  const path = join(temporaryFolder(), "made");
  mkdirSync(path, { mode: 0o755 });
  await Home.open(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
});

it("says that a home never paired", async () => {
  const home = await Home.open(temporaryFolder());
  await expect(home.mesh()).rejects.toMatchObject({
    code: "not_admitted",
    message: expect.stringContaining("parley pair"),
  });
});
