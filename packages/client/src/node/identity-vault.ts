/**
 * `identity.json`, in one of two forms: as it is, or protected. Protected, it is sealed to a key pair of its own whose private
 * half lies under a passphrase in the same file or in the system's keyring. So it can be written without asking anybody, and
 * turning protection on or off replaces one file in one step.
 */
import { join } from "node:path";

import { ParleyError, parseJson } from "@parley/protocol";
import { z } from "zod";

import { type AgeKey, createAgeKey, openWithKey, openWithPassphrase, sealTo, sealWithPassphrase } from "./age-text.ts";
import { type IdentityFile, identityFileSchema } from "./identity-file.ts";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";
import { type Keyring, systemKeyring } from "./system-keyring.ts";

const mostFileCharacters = 16 * 1024 * 1024;
const armored = z.string().max(256 * 1024);

const protectedSchema = z.strictObject({
  version: z.literal(1),
  protected: z.discriminatedUnion("by", [
    z.strictObject({ by: z.literal("passphrase"), secret: armored }),
    z.strictObject({ by: z.literal("keyring") }),
  ]),
  /** Public: what the identity is sealed to, and under which name the keyring has the other half. */
  recipient: z.string().regex(/^age1[a-z0-9]{58}$/),
  identity: armored,
});
type ProtectedFile = z.infer<typeof protectedSchema>;

/** How the private keys of a home lie on disk. */
export type Protection = "none" | ProtectedFile["protected"]["by"];

/** What opens a protected home. */
export interface Unlock {
  /** Asked at most once. Default: nobody can be asked. */
  readonly passphrase?: (() => Promise<string>) | undefined;
  /** Default: the system's. */
  readonly keyring?: (() => Promise<Keyring>) | undefined;
}

export interface PassphraseProtection {
  readonly passphrase: string;
  /** Exponent of scrypt's cost. Default 17: about half a second. */
  readonly workFactor?: number;
}

export class IdentityVault {
  readonly #path: string;
  readonly #unlock: Unlock;
  #opened: { readonly recipient: string; readonly secret: Promise<string> } | undefined;

  constructor(folder: string, unlock: Unlock) {
    this.#path = join(folder, "identity.json");
    this.#unlock = unlock;
  }

  /** Undefined in a home that holds no member. */
  async protection(): Promise<Protection | undefined> {
    const file = await this.#read();
    if (file === undefined) return undefined;
    return "protected" in file ? file.protected.by : "none";
  }

  /** The keys. Throws `identity_locked` without the passphrase, `cannot_open` with a wrong one, `keyring_unavailable`. */
  async read(): Promise<IdentityFile | undefined> {
    const file = await this.#read();
    if (file === undefined || !("protected" in file)) return file;
    const json = parseJson(await openWithKey(file.identity, await this.#secretOf(file)), mostFileCharacters);
    const identity = json.ok ? identityFileSchema.safeParse(json.value) : undefined;
    if (identity?.success !== true) throw this.#damaged();
    return identity.data;
  }

  /** Writes the keys in the form that the file has. */
  async write(identity: IdentityFile): Promise<void> {
    const before = await this.#read();
    await this.#write(before !== undefined && "protected" in before ? await sealed(before, identity) : identity);
  }

  /** Protects the keys, or protects them in another way than before. Throws `not_found` where there are none. */
  async protect(by: PassphraseProtection | "keyring"): Promise<void> {
    const identity = await this.#identity();
    const key = await createAgeKey();
    const before = await this.#read();
    if (by === "keyring") await this.#keep(key);
    const how =
      by === "keyring"
        ? { by: "keyring" as const }
        : { by: "passphrase" as const, secret: await sealWithPassphrase(key.secret, by.passphrase, by.workFactor) };
    const { recipient } = key;
    await this.#write(await sealed({ version: 1, protected: how, recipient, identity: "" }, identity));
    this.#opened = { recipient, secret: Promise.resolve(key.secret) };
    await this.#forget(before);
  }

  /** Writes the keys as they are. */
  async unprotect(): Promise<void> {
    const identity = await this.#identity();
    const before = await this.#read();
    await this.#write(identity);
    await this.#forget(before);
  }

  async #identity(): Promise<IdentityFile> {
    const identity = await this.read();
    if (identity === undefined)
      throw new ParleyError("not_found", { message: "This home folder holds no member yet." });
    return identity;
  }

  /** What a keyring takes and does not give back would lock the home for good. */
  async #keep({ recipient, secret }: AgeKey): Promise<void> {
    const keyring = await this.#keyring();
    await keyring.write(recipient, secret);
    if ((await keyring.read(recipient)) !== secret) throw new ParleyError("keyring_unavailable");
  }

  /** A secret that opens nothing any more is no harm where the keyring has gone meanwhile. */
  async #forget(before: ProtectedFile | IdentityFile | undefined): Promise<void> {
    if (before === undefined || !("protected" in before) || before.protected.by !== "keyring") return;
    await (await this.#keyring()).remove(before.recipient).catch(() => undefined);
  }

  #secretOf(file: ProtectedFile): Promise<string> {
    if (this.#opened?.recipient !== file.recipient)
      this.#opened = { recipient: file.recipient, secret: this.#openSecret(file) };
    return this.#opened.secret;
  }

  async #openSecret({ protected: how, recipient }: ProtectedFile): Promise<string> {
    if (how.by === "passphrase") {
      if (this.#unlock.passphrase === undefined) throw new ParleyError("identity_locked");
      return openWithPassphrase(how.secret, await this.#unlock.passphrase());
    }
    const secret = await (await this.#keyring()).read(recipient);
    if (secret !== undefined) return secret;
    throw new ParleyError("identity_locked", {
      message:
        "The keyring of this session does not hold what opens the keys in this home; use the one they were put into.",
    });
  }

  #keyring(): Promise<Keyring> {
    return (this.#unlock.keyring ?? systemKeyring)();
  }

  async #read(): Promise<ProtectedFile | IdentityFile | undefined> {
    const text = await readPrivateFile(this.#path);
    if (text === undefined) return undefined;
    const json = parseJson(text, mostFileCharacters);
    const parsed = json.ok ? z.union([identityFileSchema, protectedSchema]).safeParse(json.value) : undefined;
    if (parsed?.success !== true) throw this.#damaged();
    return parsed.data;
  }

  async #write(file: ProtectedFile | IdentityFile): Promise<void> {
    await writePrivateFile(this.#path, `${JSON.stringify(file, undefined, 2)}\n`);
  }

  #damaged(): ParleyError {
    return new ParleyError("invalid_config", {
      message: `${this.#path} is damaged; restore it with \`parley identity import\`, or pair anew in another home folder.`,
    });
  }
}

async function sealed(file: ProtectedFile, identity: IdentityFile): Promise<ProtectedFile> {
  return { ...file, identity: await sealTo(file.recipient, JSON.stringify(identity)) };
}
