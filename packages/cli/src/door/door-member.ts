/** The member of the mesh that the plain door is: it asks to be let in like any other, and has a device in this process. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

import {
  awaitAdmission,
  createIdentityDraft,
  Device,
  fetchNode,
  type IdentityDraft,
  type LogLine,
  type PendingPairing,
  requestPairing,
} from "@parley/client";
import { DeviceLock, Home } from "@parley/client/node";
import { Backoff, systemRandom } from "@parley/core";
import { isParleyError, ParleyError, toParleyError } from "@parley/protocol";
import type { Registry } from "@parley/registry";
import { openSqliteArchive, openSqliteJournal } from "@parley/store-sqlite";

/** Names to ask for, one after the other, while others hold them: several nodes may have a door each. */
const names = ["door", ...Array.from({ length: 8 }, (_, index) => `door${index + 2}`)];
const label = "plain door";

export interface DoorMemberOptions {
  /** The home folder. */
  readonly folder: string;
  readonly log: LogLine;
}

/** The part of the registry that lets its door ask. */
export type DoorRegistry = Pick<Registry, "claimed" | "inviteEdge">;

export class DoorMember {
  readonly #home: Home;
  readonly #lock: DeviceLock;
  readonly #log: LogLine;
  #draft: IdentityDraft;

  private constructor(home: Home, lock: DeviceLock, log: LogLine, draft: IdentityDraft) {
    this.#home = home;
    this.#lock = lock;
    this.#log = log;
    this.#draft = draft;
  }

  /** Takes the home, and makes the member's keys at the first start. Throws `device_in_use`. */
  static async open({ folder, log }: DoorMemberOptions): Promise<DoorMember> {
    const home = await Home.open(folder);
    const lock = DeviceLock.tryTake(folder);
    if (lock === undefined)
      throw new ParleyError("device_in_use", { message: `Another process holds the plain door's home ${folder}.` });
    try {
      const known = await home.draft();
      const draft = known ?? (await createIdentityDraft({ name: names[0] ?? label, kind: "agent", label }));
      if (known === undefined) await home.saveDraft(draft);
      return new DoorMember(home, lock, log, draft);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  get member(): string {
    return this.#draft.member;
  }

  /** As it asks to be called, or was let in as. */
  get name(): string {
    return this.#draft.name;
  }

  /**
   * Resolves once an operator let it in; asks when it has not. `onPending` hears that it waits. Throws what an operator or the mesh
   * said for good: `rejected`, `revoked`; goes on through everything else.
   */
  async join(registry: DoorRegistry, origin: string, onPending: () => void, signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(systemRandom, { firstMs: 1000, mostMs: 60_000 });
    let isOld = true;
    for (;;) {
      try {
        const { mesh } = await fetchNode(origin, { signal });
        const pending = (isOld && (await this.#asked(origin, mesh))) || (await this.#ask(registry, origin, signal));
        if (pending === "admitted") return;
        onPending();
        const joined = await awaitAdmission(pending, { signal });
        await this.#home.saveJoined(joined);
        this.#draft = { ...this.#draft, name: joined.identity.name };
        return;
      } catch (error) {
        signal.throwIfAborted();
        const { code, retryable } = toParleyError(error);
        // What an operator answered to an earlier life of the registry is not the last word: each start asks once more.
        const isOver: boolean = code === "expired" || code === "not_found" || (isOld && code === "rejected");
        if (!isOver && !retryable) throw error;
        this.#log("warn", "door.not_admitted", { code });
        isOld &&= !isOver;
        await pause(backoff.next(), undefined, { signal });
      }
    }
  }

  /** Its device. `onGone` hears when its session ended for good. */
  async openDevice(origin: string, onGone: (error: ParleyError) => void): Promise<DoorDeviceHandle> {
    const mesh = await this.#home.heldMesh();
    const folder = join(this.#home.path, "journal");
    const journal = openSqliteJournal({ dir: folder });
    const archive = openSqliteArchive(join(folder, "archive.sqlite"));
    const close = async (): Promise<void> => {
      await Promise.allSettled([journal.close(), archive.close()]);
      await this.#home.flush();
    };
    try {
      const device = await Device.open({
        identity: mesh.identity,
        registry: origin,
        trust: mesh.trust,
        keepIdentity: mesh.keepIdentity,
        journal,
        archive,
        strangers: "take",
        log: this.#log,
      });
      device.watch((event) => {
        if (event.type === "session" && event.state === "stopped" && event.error !== undefined)
          onGone(new ParleyError(event.error.code, { message: event.error.message }));
      });
      return {
        device,
        close: async () => {
          await device.stop();
          await close();
        },
      };
    } catch (error) {
      await close();
      throw error;
    }
  }

  close(): void {
    this.#lock.release();
  }

  /** What came of asking before, in this mesh. */
  async #asked(
    origin: string,
    mesh: string | undefined,
  ): Promise<Omit<PendingPairing, "words"> | "admitted" | undefined> {
    if ((await this.#home.meshFile()) === undefined) return undefined;
    const { state, trust, identity, pairing } = await this.#home.mesh();
    if (trust.mesh !== mesh) return undefined;
    if (state === "admitted") return "admitted";
    return pairing === undefined ? undefined : { registry: origin, trust, identity, pairing };
  }

  async #ask(registry: DoorRegistry, origin: string, signal: AbortSignal): Promise<PendingPairing> {
    const first = Math.max(0, names.indexOf(this.#draft.name));
    for (const name of names.slice(first)) {
      try {
        const secret = await registry.inviteEdge(label);
        // The words need no comparing: the registry is this process, and whom it serves is decided by its data folder.
        const pending = await requestPairing({ ...this.#draft, name }, { registry: origin, secret }, { signal });
        const file = await this.#home.identityFile();
        if (file !== undefined && file.name !== name) await this.#home.saveIdentityFile({ ...file, name });
        this.#draft = { ...this.#draft, name };
        await this.#home.savePending(pending, "pending");
        return pending;
      } catch (error) {
        if (!isParleyError(error) || error.code !== "name_taken") throw error;
      }
    }
    throw new ParleyError("name_taken", { message: `The names ${names[0]} to ${names.at(-1)} are taken.` });
  }
}

/** A device that is open until it is closed. */
export interface DoorDeviceHandle {
  readonly device: Device;
  close(): Promise<void>;
}
