/**
 * This device's part in the group of one encrypted channel: it comes in, follows the commits, takes out who is to go, and
 * seals and opens posts, one thing after the other.
 */
import {
  Backoff,
  type Clock,
  type GroupCrypto,
  type GroupDevice,
  type GroupState,
  keptEpochs,
  type NewCommit,
  type Random,
} from "@parley/core";
import { fromBase64url, ParleyError, type ReplyBody, toBase64url, toParleyError } from "@parley/protocol";

import { pause } from "../../pause.ts";
import type { Session } from "../../session.ts";
import type { GroupFacts, GroupStore } from "./group-store.ts";
import type { Invitations } from "./invitations.ts";

export interface EncryptedGroupOptions {
  readonly channel: string;
  readonly own: GroupDevice;
  readonly crypto: GroupCrypto;
  readonly store: GroupStore;
  readonly invitations: Invitations;
  readonly session: Pick<Session, "request" | "registryTime">;
  readonly clock: Clock;
  readonly random: Random;
  /** This device joined anew: posts of the epochs between cannot be read. */
  readonly onGap: (from: number, to: number) => void;
  readonly onError: (error: unknown) => void;
}

/** Tries to get in, or to take somebody out, while others commit too. */
const mostTries = 20;
/** Rounds of commits in one go. */
const mostPages = 100;

interface Sealing {
  readonly content: Uint8Array;
  readonly sealed: PromiseWithResolvers<{ epoch: number; message: string }>;
}

export class EncryptedGroup {
  readonly #options: EncryptedGroupOptions;
  #state: GroupState | undefined;
  #facts: GroupFacts = { keys: {}, removed: {} };
  #isLoaded = false;
  /** The registry says that there is more: commits, or somebody to take out. */
  #isStale = true;
  #inTurn: Promise<unknown> = Promise.resolve();
  #sealings: Sealing[] = [];

  constructor(options: EncryptedGroupOptions) {
    this.#options = options;
  }

  /** Keys of devices that were on their members' lists when they came in, by device id. */
  get keys(): Readonly<Record<string, string>> {
    return this.#facts.keys;
  }

  noteKey(device: string, key: string): void {
    if (this.#facts.keys[device] === key) return;
    this.#facts = { ...this.#facts, keys: { ...this.#facts.keys, [device]: key } };
    this.#options.store.saveFacts(this.#facts).catch(this.#options.onError);
  }

  /** The registry has news of the group. */
  stale(): void {
    this.#isStale = true;
  }

  /**
   * Takes out who is to go, so that others need not wait until this device posts. Not while it is far behind: posts that it
   * has not read yet would be of epochs that it cannot read any more.
   */
  tidy(epoch: number): Promise<void> {
    return this.#next(async () => {
      await this.#load();
      if (this.#state !== undefined && epoch - this.#state.epoch < keptEpochs) await this.#refresh();
    });
  }

  /**
   * Comes in if it is out. What was committed meanwhile is taken with the posts that need it, since only the newest few epochs can
   * be read.
   */
  comeIn(): Promise<void> {
    return this.#next(async () => {
      await this.#load();
      if (this.#state === undefined) await this.#refresh();
    });
  }

  /** This member came into the channel, with what lets it into the group. */
  invited(invitation: string | undefined): Promise<void> {
    return this.#next(async () => {
      await this.#load();
      if (invitation !== undefined) await this.#saveFacts({ invitation });
      this.#isStale = true;
      await this.#refresh();
    });
  }

  /** Seals what waits, all in one go: the keys that it used up are on disk before any of it is handed out. */
  seal(content: Uint8Array): Promise<{ epoch: number; message: string }> {
    const sealed = Promise.withResolvers<{ epoch: number; message: string }>();
    this.#sealings.push({ content, sealed });
    if (this.#sealings.length === 1)
      this.#next(() => this.#sealAll()).catch((error: unknown) => {
        for (const each of this.#sealings.splice(0)) each.sealed.reject(error);
      });
    return sealed.promise;
  }

  /** Opens a post. Undefined when this device cannot read that epoch. Throws `bad_signature` for another author's. */
  open(from: GroupDevice, epoch: number, message: string): Promise<Uint8Array | undefined> {
    return this.#next(async () => {
      await this.#load();
      if (this.#state === undefined || epoch > this.#state.epoch) await this.#refresh(epoch);
      if (this.#state === undefined || epoch > this.#state.epoch) return undefined;
      try {
        const opened = await this.#options.crypto.open(this.#state, fromBase64url(message) ?? new Uint8Array());
        this.#state = opened.state;
        if (opened.from.member !== from.member || opened.from.device !== from.device)
          throw new ParleyError("bad_signature");
        return opened.content;
      } catch (error) {
        const { code } = toParleyError(error);
        if (code === "cannot_open" || code === "malformed_frame" || code === "not_in_channel") return undefined;
        throw error;
      }
    });
  }

  /** This member is out: its keys go. */
  left(): Promise<void> {
    return this.#next(async () => {
      this.#state = undefined;
      this.#isLoaded = false;
      await this.#options.store.forget();
    });
  }

  #next<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#inTurn.then(work);
    this.#inTurn = done.catch(() => undefined);
    return done;
  }

  async #load(): Promise<void> {
    if (this.#isLoaded) return;
    const { store, crypto, onError } = this.#options;
    this.#facts = await store.facts();
    const kept = await store.load();
    try {
      this.#state = kept === undefined ? undefined : crypto.decode(kept);
    } catch (error) {
      // It joins anew: what is damaged helps nobody.
      onError(error);
    }
    this.#isLoaded = true;
  }

  async #sealAll(): Promise<void> {
    const { crypto, store } = this.#options;
    await this.#refresh();
    let state = this.#state;
    if (state === undefined || !state.active) throw new ParleyError("not_in_channel");
    const sealings = this.#sealings.splice(0);
    const done: { sealing: Sealing; message: string }[] = [];
    try {
      for (const sealing of sealings) {
        const sealed = await crypto.seal(state, sealing.content);
        state = sealed.state;
        done.push({ sealing, message: toBase64url(sealed.message) });
      }
      this.#state = state;
      await store.saveRatchets(crypto.encode(state).ratchets);
    } catch (error) {
      for (const { sealed } of sealings) sealed.reject(error);
      return;
    }
    for (const { sealing, message } of done) sealing.sealed.resolve({ epoch: state.epoch, message });
  }

  /** Takes what was committed, up to an epoch, or all of it with the removals that are due. */
  async #refresh(upTo?: number): Promise<void> {
    await this.#load();
    const isDue = (): boolean =>
      this.#state === undefined || (upTo === undefined ? this.#isStale : this.#state.epoch < upTo);
    const backoff = new Backoff(this.#options.random, { firstMs: 50, mostMs: 2000 });
    for (let tries = 0; isDue(); tries++) {
      if (tries >= mostTries) throw new ParleyError("group_changed");
      if (upTo === undefined) this.#isStale = false;
      try {
        if (!(await this.#step(upTo))) return;
      } catch (error) {
        this.#isStale = true;
        if (toParleyError(error).code !== "group_changed") throw error;
        // Somebody else was first, or has to take somebody out before a newcomer may come in.
        await pause(this.#options.clock, backoff.next(), undefined);
      }
    }
  }

  /** False when there is nothing more to take. */
  async #step(upTo: number | undefined): Promise<boolean> {
    const { session, channel } = this.#options;
    if (this.#state === undefined) {
      await this.#comeIn();
      return true;
    }
    let news: ReplyBody<"group.commits"> | undefined;
    for (let pages = 0; pages < mostPages && news?.complete !== true; pages++) {
      const { epoch }: GroupState = this.#state;
      news = await session.request("group.commits", { channel, from: epoch });
      if (news.epoch === undefined || news.epoch < epoch || (news.first > epoch && news.epoch > epoch)) {
        await this.#comeInAnew(epoch, news.epoch);
        return true;
      }
      for (const commit of news.commits) {
        if (this.#state.epoch === upTo) return true;
        if (!(await this.#follow(commit))) {
          await this.#comeInAnew(epoch, news.epoch);
          return true;
        }
      }
      if (news.commits.length === 0) break;
    }
    if (upTo !== undefined) return false;
    if (news !== undefined && news.remove.length > 0) await this.#takeOut(news.remove);
    return true;
  }

  /** False when this device cannot follow and has to join anew. */
  async #follow({ epoch, commit, invitation }: ReplyBody<"group.commits">["commits"][number]): Promise<boolean> {
    const { crypto, store, own } = this.#options;
    const state = this.#state;
    if (state === undefined || epoch !== state.epoch) return state !== undefined && epoch < state.epoch;
    const bytes = fromBase64url(commit) ?? new Uint8Array();
    const pending = await store.pending();
    if (pending !== undefined && sameBytes(pending.commit, bytes)) {
      await this.#adopt(crypto.decode(pending.state));
      return true;
    }
    let processed;
    try {
      processed = await crypto.processCommit(state, bytes);
    } catch (error) {
      if (toParleyError(error).code === "cannot_open") return false;
      throw error;
    }
    const { by, added, removed, selfRemoved } = processed;
    const isJoin = added.some((device) => device.member === by.member && device.device === by.device);
    if (isJoin) await this.#checkJoiner(by, state, removed, invitation);
    await this.#noteRemoved(removed, added);
    if (selfRemoved && !added.some((device) => device.device === own.device)) {
      this.#state = undefined;
      await store.forget();
      throw new ParleyError("not_in_channel");
    }
    await this.#adopt(processed.state);
    return true;
  }

  async #checkJoiner(
    device: GroupDevice,
    { devices }: GroupState,
    removed: readonly GroupDevice[],
    invitation: string | undefined,
  ): Promise<void> {
    const { channel, invitations } = this.#options;
    // Its own older leaf, which it replaces, counts as being there.
    const present = [...devices, ...removed];
    const removedAt = this.#facts.removed[device.member];
    await invitations.check({ channel, device, present, invitation, removedAt });
  }

  async #noteRemoved(removed: readonly GroupDevice[], added: readonly GroupDevice[]): Promise<void> {
    const gone = removed.filter(({ member }) => !added.some((device) => device.member === member));
    if (gone.length === 0) return;
    const at = this.#options.session.registryTime;
    await this.#saveFacts({
      removed: { ...this.#facts.removed, ...Object.fromEntries(gone.map(({ member }) => [member, at])) },
    });
  }

  /** Takes the devices out that the registry names: whoever wants to post does so first. */
  async #takeOut(devices: readonly string[]): Promise<void> {
    const { crypto } = this.#options;
    const state = this.#state;
    if (state === undefined) return;
    const remove = state.devices.filter(({ device }) => devices.includes(device));
    if (remove.length === 0) return;
    await this.#offer(state.epoch, await crypto.commit(state, { remove }));
    await this.#noteRemoved(remove, []);
  }

  async #comeInAnew(from: number, to: number | undefined): Promise<void> {
    this.#state = undefined;
    await this.#options.store.forget();
    if (to !== undefined) this.#options.onGap(from, to);
    await this.#comeIn();
  }

  /** Makes the group, if nobody has, or joins it by a commit of its own. */
  async #comeIn(): Promise<void> {
    const { session, channel, crypto, own } = this.#options;
    const { epoch } = await session.request("group.commits", { channel, from: 0 });
    if (epoch === undefined) {
      const state = await crypto.createGroup(channel);
      const info = toBase64url(await crypto.groupInfo(state));
      await this.#options.store.save(crypto.encode(state));
      await session.request("group.commit", { channel, info, devices: [own.device] });
      this.#state = state;
      return;
    }
    const { epoch: present, info } = await session.request("group.info", { channel });
    await this.#offer(present, await crypto.joinByCommit(fromBase64url(info) ?? new Uint8Array()));
  }

  /** What it leads to is on disk before the commit leaves, and is taken up once the registry has the commit. */
  async #offer(epoch: number, { state, commit, groupInfo }: NewCommit): Promise<void> {
    const { session, channel, crypto, store } = this.#options;
    await store.savePending({ commit, state: crypto.encode(state) });
    const { invitation } = this.#facts;
    await session.request("group.commit", {
      channel,
      epoch,
      commit: toBase64url(commit),
      info: toBase64url(groupInfo),
      devices: state.devices.map(({ device }) => device),
      ...(invitation === undefined ? {} : { invitation }),
    });
    await this.#adopt(state);
  }

  async #adopt(state: GroupState): Promise<void> {
    const { store, crypto } = this.#options;
    await Promise.all([store.save(crypto.encode(state)), store.savePending(undefined)]);
    this.#state = state;
  }

  async #saveFacts(change: Partial<GroupFacts>): Promise<void> {
    this.#facts = { ...this.#facts, ...change };
    await this.#options.store.saveFacts(this.#facts);
  }
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
