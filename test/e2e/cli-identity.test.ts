import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, start, temporaryFolder } from "./cli-process.ts";

const passphrase = "correct horse battery";
const nowhere = { DBUS_SESSION_BUS_ADDRESS: "unix:path=/nowhere/at-all" };

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

const failure = async (args: readonly string[], options: Parameters<typeof parley>[1] = {}): Promise<unknown[]> => {
  const result = await parley([...args, "--json"], options);
  return [result.code, errorOf(result).code];
};

it("gives a member a new root key, also through the process that holds its device, and not an operator", async () => {
  await mesh.join("dora");
  const at = ["--home", mesh.home("dora"), "--json"];
  const first = jsonOf<{ member: string }>(await parley(["identity", "rotate", ...at]));
  expect(first).toMatchObject({ number: 1 });
  start(["listen", ...at]);
  await expect
    .poll(async () => (await parley(["ping", "@dora", "--count", "1", "--home", mesh.home("ada")])).code, {
      timeout: 30_000,
    })
    .toBe(0);
  expect(jsonOf(await parley(["identity", "rotate", ...at]))).toMatchObject({ number: 2, member: first.member });
  expect(await failure(["identity", "rotate", "--home", mesh.home("ada")])).toEqual([4, "forbidden"]);
});

it("keeps private keys under a passphrase, which every command that opens them needs", async () => {
  await mesh.join("bob");
  const at = ["--home", mesh.home("bob")];
  const env = { PARLEY_PASSPHRASE: passphrase };
  expect((await parley(["identity", "protect", "--passphrase", ...at], { env })).code).toBe(0);
  expect(readFileSync(join(mesh.home("bob"), "identity.json"), "utf8")).toContain("AGE ENCRYPTED");
  expect(await failure(["members", ...at])).toEqual([4, "identity_locked"]);
  expect(await failure(["members", ...at], { env: { PARLEY_PASSPHRASE: "another passphrase" } })).toEqual([
    1,
    "cannot_open",
  ]);
  expect((await parley(["members", ...at], { env })).code).toBe(0);
});

it("takes the passphrase from a file that nobody else can read, and says where there is no keyring", async () => {
  await mesh.join("eve");
  const at = ["--home", mesh.home("eve")];
  const file = join(temporaryFolder(), "passphrase");
  writeFileSync(file, `${passphrase}\n`, { mode: 0o600 });
  const given = [...at, "--passphrase-file", file];
  expect((await parley(["identity", "protect", "--passphrase", ...given])).code).toBe(0);
  expect((await parley(["identity", "show", ...given])).code).toBe(0);
  expect(await failure(["identity", "protect", "--keyring", ...given], { env: nowhere })).toEqual([
    1,
    "keyring_unavailable",
  ]);
  expect((await parley(["identity", "unprotect", ...given])).code).toBe(0);
  chmodSync(file, 0o640);
  expect((await parley(["identity", "show", ...at])).code).toBe(0);
  expect(await failure(["identity", "export", join(temporaryFolder(), "e"), ...given])).toEqual([
    1,
    "storage_unavailable",
  ]);
});

it("needs no passphrase beside the process that holds the device, and does not change its keys under it", async () => {
  await mesh.join("carol");
  const at = ["--home", mesh.home("carol")];
  const env = { PARLEY_PASSPHRASE: passphrase };
  expect((await parley(["identity", "protect", "--passphrase", ...at], { env })).code).toBe(0);
  start(["listen", ...at], { env });
  await expect.poll(async () => (await parley(["members", ...at])).code, { timeout: 30_000 }).toBe(0);
  expect(await failure(["identity", "unprotect", ...at], { env })).toEqual([1, "device_in_use"]);
});

it.each([[[]], [["--passphrase", "--keyring"]]])("wants to know how to protect: %s", async (how) => {
  expect(await failure(["identity", "protect", ...how, "--home", join(temporaryFolder(), "h")])).toEqual([
    2,
    "invalid_argument",
  ]);
});
