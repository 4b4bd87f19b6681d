import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import {
  type Clock,
  createEncryptionKey,
  createSigner,
  MeshTrust,
  peekStatement,
  sha256,
  signStatement,
  systemClock,
} from "@parley/core";
import { limits } from "@parley/protocol";
import { expect, it } from "vitest";

import { signDeviceList } from "../../src/identity-draft.ts";
import { certifyDevice, createIdentityDraft, type Identity, type JoinedMesh } from "../../src/index.ts";
import { encryptionKeyKeepMs, Home } from "../../src/node/index.ts";
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

it("keeps a new encryption key with the list that names it, and the old one for a month", async () => {
  let now = start;
  const home = await homeWith(
    await joinedMesh("ada"),
    clockAt(() => now),
  );
  const { identity, trust, keepIdentity } = await home.heldMesh();
  now = start + limits.encryptionKeyLifeMs;
  const next = async (before: Identity, number: number): Promise<Identity> => {
    const key = await createEncryptionKey();
    const devices = await signDeviceList(before, {
      mesh: trust.mesh,
      number,
      now,
      devices: peekStatement("devices", before.devices).devices,
      encryption: { key, since: now },
    });
    return { ...before, devices, encryptionKeys: [...before.encryptionKeys, key] };
  };
  const second = await next(identity, 2);
  await keepIdentity(second);
  const kept = (await home.mesh()).identity;
  expect(kept.devices).toBe(second.devices);
  expect(kept.encryptionKeys.map(({ kid }) => kid)).toEqual(second.encryptionKeys.map(({ kid }) => kid));
  now = start + limits.encryptionKeyLifeMs + encryptionKeyKeepMs;
  const third = await next(second, 3);
  await keepIdentity(third);
  expect((await home.mesh()).identity.encryptionKeys.map(({ kid }) => kid)).toEqual(
    third.encryptionKeys.slice(1).map(({ kid }) => kid),
  );
});

it("gives a home of an earlier version a sealing key, once", async () => {
  const home = await homeWith(
    await joinedMesh("ada"),
    clockAt(() => start),
  );
  const file = await home.identityFile();
  if (file === undefined) throw new Error("the home has its member");
  const { sealing: _, ...old } = file;
  await home.saveIdentityFile(old);
  expect((await home.mesh()).identity.sealing).toBeUndefined();
  const first = (await home.heldMesh()).identity.sealing?.publicKey;
  expect(first).toBeDefined();
  expect((await home.heldMesh()).identity.sealing?.publicKey).toBe(first);
});

it("keeps a device that another one let in, without a root key, and over nobody else", async () => {
  const joined = await joinedMesh("ada");
  const enrolled = { ...joined, identity: { ...joined.identity, root: undefined } };
  const home = await Home.open(join(temporaryFolder(), "home"), { clock: clockAt(() => start) });
  await home.saveEnrolled(enrolled);
  const { identity, state } = await home.mesh();
  expect([identity.root, identity.member, state]).toEqual([undefined, joined.identity.member, "admitted"]);
  await expect(home.saveEnrolled(enrolled)).rejects.toMatchObject({ code: "already_exists" });
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
  [
    "with a changed member",
    (text: string) => text.replace(/"member": "./, (found) => (found.endsWith("_") ? '"member": "A' : '"member": "_')),
  ],
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

it.runIf(process.platform === "linux")("says at once that a folder cannot be made where nothing can", async () => {
  await expect(Home.open("/proc/nothing/home")).rejects.toMatchObject({ code: "storage_unavailable" });
  const home = join(temporaryFolder(), "one", "two");
  await Home.open(home);
  expect(statSync(home).mode & 0o777).toBe(0o700);
});

it("is whole after a crash between a new root key and the list that it signed, on either side of it", async () => {
  const joined = await joinedMesh("ada");
  const { identity, trust } = joined;
  const now = clockAt(() => start);
  const home = await homeWith(joined, now);
  const made = await createSigner("member");
  if (identity.root === undefined) throw new Error("a new draft has its root key");
  const rotation = await signStatement(
    "rotation",
    { mesh: trust.mesh, member: identity.member, number: 1, key: made.publicKey, iat: start },
    identity.root,
  );
  const { signer: _, ...list } = peekStatement("devices", identity.devices);
  const devices = await signStatement("devices", { ...list, number: 2 }, made);
  const next = { root: made, rotation };
  const rotated: Identity = { ...identity, root: made, rotations: [rotation], devices };

  const held = await home.heldMesh();
  await held.keepIdentity({ ...identity, next });
  expect((await home.mesh()).identity).toMatchObject({ rotations: [], next: { rotation }, root: identity.root });
  const meshFile = readFileSync(join(home.path, "mesh.json"), "utf8");
  await held.keepIdentity(rotated);
  expect((await home.mesh()).identity).toMatchObject({ rotations: [rotation], root: made });
  writeFileSync(join(home.path, "mesh.json"), meshFile);
  expect((await home.mesh()).identity).toMatchObject({
    rotations: [],
    root: undefined,
    next: { rotation, root: made },
  });
});

it("refuses a next root key that is not the one its rotation names", async () => {
  const joined = await joinedMesh("ada");
  const home = await homeWith(
    joined,
    clockAt(() => start),
  );
  const [made, other] = [await createSigner("member"), await createSigner("member")];
  const { identity, trust } = joined;
  const rotation = await signStatement(
    "rotation",
    { mesh: trust.mesh, member: identity.member, number: 1, key: made.publicKey, iat: start },
    other,
  );
  await (await home.heldMesh()).keepIdentity({ ...identity, next: { root: made, rotation } });
  await expect(home.mesh()).rejects.toMatchObject({ code: "invalid_config" });
});
