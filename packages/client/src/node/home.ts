/** A home: the private folder that holds one device of one member, its keys and the mesh that it pinned. */
import { join } from "node:path";

import { type Clock, idOfKey, MeshTrust, peekStatement, systemClock, verifyRootKey } from "@parley/core";
import { ParleyError, parseJson } from "@parley/protocol";

import type { IdentityDraft } from "../identity-draft.ts";
import type { Identity } from "../identity.ts";
import { asListed } from "../listed-root.ts";
import type { JoinedMesh, PendingPairing } from "../pairing.ts";
import { type IdentityFile, identityDraftOf, identityFileOf, withSealingKey } from "./identity-file.ts";
import { IdentityVault, type Unlock } from "./identity-vault.ts";
import { type MeshFile, meshFileSchema } from "./mesh-file.ts";
import { preparePrivateFolder, readPrivateFile, writePrivateFile } from "./private-file.ts";
import { socketPathOf } from "./socket-path.ts";

const mostFileCharacters = 16 * 1024 * 1024;

/** The mesh of a home as its owner needs it. */
export interface HomeMesh {
  readonly registry: string;
  readonly state: MeshFile["state"];
  readonly pairing: string | undefined;
  readonly trust: MeshTrust;
  readonly identity: Identity;
  /** Writes a changed identity down; only what `heldMesh` gives does. */
  readonly keepIdentity: (identity: Identity) => Promise<void>;
}

export interface HomeOptions {
  readonly clock?: Clock;
  /** Opens keys that are protected. Default: the system's keyring, and no passphrase. */
  readonly unlock?: Unlock;
}

/** The mesh that a home is pinned to, without the member's keys. */
export type HomePins = Pick<HomeMesh, "registry" | "state" | "trust">;

export class Home {
  readonly path: string;
  readonly #clock: Clock;
  #saving: Promise<void> = Promise.resolve();

  /** The member's private keys. */
  readonly vault: IdentityVault;

  private constructor(path: string, { clock = systemClock, unlock = {} }: HomeOptions) {
    this.path = path;
    this.#clock = clock;
    this.vault = new IdentityVault(path, unlock);
  }

  /** Opens or makes the folder. Throws `storage_unavailable` when it is not private or cannot be used. */
  static async open(path: string, options: HomeOptions = {}): Promise<Home> {
    await preparePrivateFolder(path);
    return new Home(path, options);
  }

  get socketPath(): string {
    return socketPathOf(this.path);
  }

  /** The member's keys; undefined in a new home. Throws as `IdentityVault.read`. */
  identityFile(): Promise<IdentityFile | undefined> {
    return this.vault.read();
  }

  /** Whether it holds a member, whose keys may be locked. */
  async holdsMember(): Promise<boolean> {
    return (await this.vault.protection()) !== undefined;
  }

  async meshFile(): Promise<MeshFile | undefined> {
    const path = join(this.path, "mesh.json");
    const text = await readPrivateFile(path);
    if (text === undefined) return undefined;
    const json = parseJson(text, mostFileCharacters);
    const parsed = json.ok ? meshFileSchema.safeParse(json.value) : undefined;
    if (parsed?.success === true) return parsed.data;
    throw new ParleyError("invalid_config", { message: `${path} is damaged; move it away and pair again.` });
  }

  async draft(): Promise<IdentityDraft | undefined> {
    const file = await this.identityFile();
    return file === undefined ? undefined : this.#draftOf(file);
  }

  /** The member and its mesh. Throws `not_admitted` in a home that never paired. */
  async mesh(): Promise<HomeMesh> {
    const [draft, file] = await Promise.all([this.draft(), this.meshFile()]);
    if (draft === undefined || file === undefined) throw this.#notJoined();
    return this.#meshOf(draft, file, false);
  }

  /** As `mesh`, without what may be locked. */
  async pins(): Promise<HomePins> {
    const [isMember, file] = await Promise.all([this.holdsMember(), this.meshFile()]);
    if (!isMember || file === undefined) throw this.#notJoined();
    const trust = await MeshTrust.restore(file.pins, { now: () => this.#clock.now() });
    return { registry: file.registry, state: file.state, trust };
  }

  #notJoined(): ParleyError {
    return new ParleyError("not_admitted", {
      message: `The home folder ${this.path} has not joined a mesh; run \`parley pair\` with an invite first.`,
    });
  }

  /** As `mesh`, for the process that holds the device: writes pins and keys down whenever they change. */
  async heldMesh(): Promise<HomeMesh> {
    const known = await this.mesh();
    const identityFile = await this.identityFile();
    const completed = identityFile === undefined ? undefined : await withSealingKey(identityFile);
    if (completed !== undefined) await this.vault.write(completed);
    const [draft, file] = await Promise.all([this.draft(), this.meshFile()]);
    if (draft === undefined || file === undefined) return known;
    return this.#meshOf(draft, file, true);
  }

  /** Keeps a new member's keys. Throws `already_exists` rather than overwrite one. */
  async saveDraft(draft: IdentityDraft): Promise<void> {
    if (await this.holdsMember())
      throw new ParleyError("already_exists", {
        message: `The home folder ${this.path} holds a member already; nothing was overwritten.`,
      });
    await this.saveIdentityFile(await identityFileOf(draft, this.#clock.now()));
  }

  async saveIdentityFile(file: IdentityFile): Promise<void> {
    await this.vault.write(file);
  }

  async saveMeshFile(file: MeshFile): Promise<void> {
    await writePrivateFile(join(this.path, "mesh.json"), `${JSON.stringify(file, undefined, 2)}\n`);
  }

  async savePending(pending: PendingPairing, state: "unconfirmed" | "pending"): Promise<void> {
    const { registry, pairing, trust, identity } = pending;
    await this.saveMeshFile({
      version: 1,
      registry,
      state,
      pairing,
      devices: identity.devices,
      pins: { ...trust.pins },
    });
  }

  /** Keeps the mesh that let this member in, and the name that it was admitted under. */
  async saveJoined(joined: JoinedMesh): Promise<void> {
    const { registry, admission, trust, identity } = joined;
    const file = await this.identityFile();
    if (file !== undefined && file.name !== identity.name)
      await this.saveIdentityFile({ ...file, name: identity.name });
    await this.saveMeshFile({
      version: 1,
      registry,
      state: "admitted",
      admission,
      devices: identity.devices,
      pins: { ...trust.pins },
    });
  }

  /**
   * Keeps a device that another one of its member let in. Throws `already_exists` in a home that holds a member, unless it
   * is what an enrolment that was cut short left.
   */
  async saveEnrolled(joined: JoinedMesh): Promise<void> {
    const before = await this.identityFile();
    const leftOver = before !== undefined && before.root === undefined && (await this.meshFile()) === undefined;
    if (leftOver) await this.saveIdentityFile(await identityFileOf(joined.identity, this.#clock.now()));
    else await this.saveDraft(joined.identity);
    await this.saveJoined(joined);
  }

  /** Waits until everything handed over is on disk. */
  async flush(): Promise<void> {
    await this.#saving;
  }

  async #meshOf(draft: IdentityDraft, file: MeshFile, keep: boolean): Promise<HomeMesh> {
    let pinned = file;
    const trust = await MeshTrust.restore(file.pins, {
      now: () => this.#clock.now(),
      onChange: (pins) => {
        if (!keep) return;
        pinned = { ...pinned, pins: { ...pins } };
        this.#saveLater(() => pinned);
      },
    });
    return {
      registry: file.registry,
      state: file.state,
      pairing: file.pairing,
      trust,
      identity: await asListed({ ...draft, devices: file.devices }, trust.mesh),
      keepIdentity: async (identity) => {
        if (!keep) return;
        // The keys first: a list whose key is missing could not be read by anybody.
        const before = await this.identityFile();
        await this.saveIdentityFile(await identityFileOf(identity, this.#clock.now(), before));
        pinned = { ...pinned, devices: identity.devices };
        this.#saveLater(() => pinned);
        await this.flush();
      },
    };
  }

  #latest: (() => MeshFile) | undefined;

  /** One write at a time; what changes meanwhile goes with the next. A failed one shows at `flush` and is tried with the next change. */
  #saveLater(latest: () => MeshFile): void {
    const idle = this.#latest === undefined;
    this.#latest = latest;
    if (!idle) return;
    this.#saving = this.#saving
      .catch(() => undefined)
      .then(async () => {
        const file = this.#latest?.();
        this.#latest = undefined;
        if (file !== undefined) await this.saveMeshFile(file);
      });
    this.#saving.catch(() => undefined);
  }

  async #draftOf(file: IdentityFile): Promise<IdentityDraft> {
    const damaged = (cause?: unknown): ParleyError =>
      new ParleyError("invalid_config", {
        message: `${join(this.path, "identity.json")} is damaged; restore it with \`parley identity import\`, or pair anew in another home folder.`,
        cause,
      });
    try {
      const draft = await identityDraftOf(file);
      const current =
        file.rotations.length === 0
          ? { key: file.rootKey }
          : await verifyRootKey(peekStatement("rotation", file.rotations[0] ?? "").mesh, file.rootKey, file.rotations);
      const whole =
        (await idOfKey("member", file.rootKey)) === file.member &&
        (draft.root === undefined || draft.root.publicKey === current.key) &&
        (await isNextWhole(draft));
      if (!whole) throw damaged();
      return draft;
    } catch (error) {
      throw error instanceof ParleyError && error.code === "invalid_config" ? error : damaged(error);
    }
  }
}

/** Whether the root key that is to follow is the one that its statement names. */
async function isNextWhole({ next, rootKey, rotations }: IdentityDraft): Promise<boolean> {
  if (next === undefined) return true;
  const { mesh } = peekStatement("rotation", next.rotation);
  const { key } = await verifyRootKey(mesh, rootKey, [...rotations, next.rotation]);
  return key === next.root.publicKey;
}
