import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { ParleyError } from "@parley/protocol";
import { expect, it } from "vitest";

import { createIdentityDraft } from "../../src/index.ts";
import { identityFileOf } from "../../src/node/identity-file.ts";
import { Home, type Keyring } from "../../src/node/index.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const passphrase = "correct horse battery";
/** Little, so that the tests are quick. */
const workFactor = 10;
const draft = await createIdentityDraft({ name: "ada", kind: "person", label: "desk" });
const identity = await identityFileOf(draft, 1);
const privateParts = [identity.root, identity.device, identity.sealing, identity.encryption[0]?.key];

class MemoryKeyring implements Keyring {
  readonly secrets = new Map<string, string>();
  isLocked = false;
  forgets = false;

  async read(name: string): Promise<string | undefined> {
    if (this.isLocked) throw new ParleyError("keyring_unavailable");
    return this.secrets.get(name);
  }

  async write(name: string, secret: string): Promise<void> {
    if (this.isLocked) throw new ParleyError("keyring_unavailable");
    if (!this.forgets) this.secrets.set(name, secret);
  }

  async remove(name: string): Promise<void> {
    this.secrets.delete(name);
  }
}

async function scene() {
  const path = join(temporaryFolder(), "home");
  const keyring = new MemoryKeyring();
  const home = (given?: string): Promise<Home> =>
    Home.open(path, {
      unlock: {
        keyring: async () => keyring,
        ...(given === undefined ? {} : { passphrase: async () => given }),
      },
    });
  const first = await home();
  await first.saveIdentityFile(identity);
  const file = join(path, "identity.json");
  const text = (): string => readFileSync(file, "utf8");
  return { path, file, home, first, keyring, text };
}

it("hides every private key under a passphrase, and opens with it alone", async () => {
  const { first, home, file, text } = await scene();
  expect(privateParts.every((key) => key !== undefined && text().includes(key))).toBe(true);
  await first.vault.protect({ passphrase, workFactor });
  expect(await first.vault.protection()).toBe("passphrase");
  for (const key of privateParts) expect(text()).not.toContain(key);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await (await home(passphrase)).identityFile()).toEqual(identity);
  await expect((await home("a wrong passphrase")).identityFile()).rejects.toMatchObject({ code: "cannot_open" });
  await expect((await home()).identityFile()).rejects.toMatchObject({ code: "identity_locked" });
  expect(await (await home()).holdsMember()).toBe(true);
});

it("stays protected when the keys change, without the passphrase being asked for", async () => {
  const { first, home, text } = await scene();
  await first.vault.protect({ passphrase, workFactor });
  await (await home()).saveIdentityFile({ ...identity, label: "moved" });
  for (const key of privateParts) expect(text()).not.toContain(key);
  expect(await (await home(passphrase)).identityFile()).toMatchObject({ label: "moved" });
});

it("asks for the passphrase once, however often the keys are read", async () => {
  const { first, path } = await scene();
  await first.vault.protect({ passphrase, workFactor });
  let asked = 0;
  const ask = async (): Promise<string> => {
    asked += 1;
    return passphrase;
  };
  const home = await Home.open(path, { unlock: { passphrase: ask } });
  await Promise.all([home.identityFile(), home.identityFile(), home.draft()]);
  expect(asked).toBe(1);
});

it("takes another passphrase, then the keyring, then none, and what opened it before opens nothing", async () => {
  const { first, home, keyring, text } = await scene();
  await first.vault.protect({ passphrase, workFactor });
  await first.vault.protect({ passphrase: "quite another passphrase", workFactor });
  await expect((await home(passphrase)).identityFile()).rejects.toMatchObject({ code: "cannot_open" });
  await first.vault.protect("keyring");
  expect(await first.vault.protection()).toBe("keyring");
  expect(await (await home()).identityFile()).toEqual(identity);
  for (const secret of keyring.secrets.values()) expect(text()).not.toContain(secret);
  await (await home()).vault.unprotect();
  expect([await (await home()).identityFile(), keyring.secrets.size]).toEqual([identity, 0]);
});

it("says what is missing when the keyring is locked, is another one, or does not keep what it takes", async () => {
  const { first, home, keyring, text } = await scene();
  keyring.forgets = true;
  const before = text();
  await expect(first.vault.protect("keyring")).rejects.toMatchObject({ code: "keyring_unavailable" });
  expect(text()).toBe(before);
  keyring.forgets = false;
  await first.vault.protect("keyring");
  keyring.isLocked = true;
  await expect((await home()).identityFile()).rejects.toMatchObject({ code: "keyring_unavailable" });
  keyring.isLocked = false;
  keyring.secrets.clear();
  await expect((await home()).identityFile()).rejects.toMatchObject({ code: "identity_locked" });
});

it("names a file that was cut short or changed, and never reads another home's keys for its own", async () => {
  const { first, home, file, text } = await scene();
  await first.vault.protect({ passphrase, workFactor });
  const whole = text();
  const refused = async (changed: string, code: string): Promise<void> => {
    writeFileSync(file, changed);
    await expect((await home(passphrase)).identityFile()).rejects.toMatchObject({ code });
  };
  await refused(whole.slice(0, whole.length / 2), "invalid_config");
  await refused("", "invalid_config");
  const parsed = JSON.parse(whole) as { identity: string; protected: { secret: string } };
  const cut = parsed.identity.replace(/\n.{8}/u, "\nAAAAAAAA");
  await refused(JSON.stringify({ ...parsed, identity: cut }), "cannot_open");
  const other = await scene();
  await other.first.vault.protect({ passphrase, workFactor });
  const foreign = JSON.parse(other.text()) as { identity: string };
  await refused(JSON.stringify({ ...parsed, identity: foreign.identity }), "cannot_open");
  await refused(JSON.stringify({ ...parsed, more: 1 }), "invalid_config");
});

it("refuses a short passphrase and a home without a member", async () => {
  const { first, text } = await scene();
  const before = text();
  await expect(first.vault.protect({ passphrase: "too short" })).rejects.toMatchObject({ code: "invalid_argument" });
  expect(text()).toBe(before);
  const empty = await Home.open(join(temporaryFolder(), "empty"));
  await expect(empty.vault.protect({ passphrase, workFactor })).rejects.toMatchObject({ code: "not_found" });
  await expect(empty.vault.unprotect()).rejects.toMatchObject({ code: "not_found" });
});
