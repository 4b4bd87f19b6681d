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
  type ProcessedCommit,
  type Random,
} from "@parley/core";
import { fromBase64url, limits, ParleyError, type ReplyBody, toBase64url, toParleyError } from "@parley/protocol";

import { pause } from "../../pause.ts";
import type { Session } from "../../session.ts";
import { GroupNotes } from "./group-notes.ts";
import type { GroupStore } from "./group-store.ts";
import type { Invitations } from "./invitations.ts";

export interface EncryptedGroupOptions {
  readonly channel: string;
  readonly own: GroupDevice;
  readonly crypto: GroupCrypto;
  readonly store: GroupStore;
  readonly invitations: Invitations;
  /** Whether a device is on its member's list, by what is known here; the registry is asked about one that `isNew`. */
  readonly isListed: (device: GroupDevice, isNew: boolean) => Promise<boolean>;
  readonly session: Pick<Session, "request" | "registryTime">;
  readonly clock: Clock;
  readonly random: Random;
  /** This device joined anew: posts of the epochs between cannot be read. */
  readonly onGap: (from: number, to: number) => void;
  readonly onError: (error: unknown) => void;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
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
  readonly #notes: GroupNotes;
  /** Seals, commits, and is on disk. */
  #state: GroupState | undefined;
  /** Opens; the keys that it used up stay in the other until what they opened is kept. */
  #reader: GroupState | undefined;
  #isLoaded = false;
  /** The registry says that there is more: commits, or somebody to take out. */
  #isStale = true;
  #inTurn: Promise<unknown> = Promise.resolve();
  #sealings: Sealing[] = [];

  constructor(options: EncryptedGroupOptions) {
    this.#options = options;
    this.#notes = new GroupNotes(options.store);
  }

  /** Keys of devices that were on their members' lists when they came in, by device id. */
  get keys(): Readonly<Record<string, string>> {
    return this.#notes.keys;
  }

  noteKey(device: string, key: string): void {
    this.#notes.noteKey(device, key).catch(this.#options.onError);
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
      await this.#notes.noteInvitation(invitation);
      this.#isStale = true;
      await this.#refresh();
    });
  }

  /**
   * When an invitation of a member is given, ms since 1970: later than the member was taken out, which is done now if it is due. Throws
   * `not_invited` when this device is not in the group: its word would let nobody in.
   */
  invitedAt(member: string): Promise<number> {
    return this.#next(async () => {
      this.#isStale = true;
      await this.#refresh();
      return Math.max(this.#now, (this.#notes.removedAt(member) ?? 0) + 1);
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
        const { crypto } = this.#options;
        const reader = this.#reader?.epoch === this.#state.epoch ? this.#reader : this.#state;
        const opened = await crypto.open(reader, fromBase64url(message) ?? new Uint8Array());
        // A copy must not use up the key of the post that it was taken from.
        if (opened.from.member !== from.member || opened.from.device !== from.device)
          throw new ParleyError("bad_signature");
        this.#reader = opened.state;
        return opened.content;
      } catch (error) {
        const { code } = toParleyError(error);
        if (code === "cannot_open" || code === "malformed_frame" || code === "not_in_channel") return undefined;
        throw error;
      }
    });
  }

  /** What was opened is kept, and its keys can go; or it is not, and will be opened once more. */
  settle(isKept: boolean): Promise<void> {
    return this.#next(async () => {
      const [state, reader] = [this.#state, this.#reader];
      this.#reader = undefined;
      if (isKept && state !== undefined && reader !== undefined)
        this.#state = this.#options.crypto.received(state, reader);
    });
  }

  /** This member is out: its keys go. */
  left(): Promise<void> {
    return this.#next(async () => {
      this.#state = undefined;
      this.#reader = undefined;
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
    await this.#notes.load();
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
    await this.#takeOut(news?.remove ?? []);
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
      const { code, retryable } = toParleyError(error);
      if (retryable && code !== "group_changed") throw error;
      // The registry has taken it, and the same commit will not be another one later.
      return false;
    }
    const { added, removed, selfRemoved } = processed;
    // Another start of this device came in by itself, as when this one began with a backup.
    if (selfRemoved && added.some((device) => device.device === own.device)) return false;
    if (selfRemoved) {
      await this.#notes.noteRefused();
      this.#state = undefined;
      await store.forget();
      throw new ParleyError("not_in_channel");
    }
    await this.#welcome(processed, state, invitation);
    const at = Math.min(timeIn(processed.authenticated) ?? Infinity, this.#now);
    await this.#notes.noteRemoved(removed, processed.state, at);
    await this.#adopt(processed.state);
    return true;
  }

  /**
   * Looks at who came in. The registry has taken the commit, so whoever should not be there is in the group, and it goes on from there;
   * but nothing is sealed while they are.
   */
  async #welcome(
    { by, added, removed, unverified }: ProcessedCommit,
    { devices }: GroupState,
    invitation: string | undefined,
  ): Promise<void> {
    const { channel, invitations, isListed } = this.#options;
    // Its own older leaf, which it replaces, counts as being there. Who is unwelcome speaks for nobody, not for its own other devices.
    const present = [...devices, ...removed].filter((device) => !this.#notes.isUnwelcome(device));
    for (const device of added) {
      const isJoin = device.member === by.member && device.device === by.device;
      const removedAt = this.#notes.removedAt(device.member);
      const isWelcome =
        !unverified.some((each) => each.device === device.device) &&
        (await isListed(device, true)) &&
        (!isJoin || (await invitations.isGood({ channel, device, present, invitation, removedAt })));
      if (isWelcome) await this.#notes.noteWelcome(device);
      else await this.#noteUnwelcome([device]);
    }
  }

  async #noteUnwelcome(devices: readonly GroupDevice[]): Promise<void> {
    this.#isStale ||= devices.length > 0;
    await this.#notes.noteUnwelcome(devices);
  }

  /** The registry's time; near this machine's own, so that it cannot make a new invitation of an old one. */
  get #now(): number {
    const { session, clock } = this.#options;
    const here = clock.now();
    return Math.round(Math.min(Math.max(session.registryTime, here - limits.clockSkewMs), here + limits.clockSkewMs));
  }

  /** Takes the devices out that the registry names, and those that are unwelcome: whoever wants to post does so first. */
  async #takeOut(named: readonly string[]): Promise<void> {
    const { crypto, own, isListed } = this.#options;
    const state = this.#state;
    if (state === undefined) return;
    const remove: GroupDevice[] = [];
    for (const device of state.devices) {
      if (device.device === own.device) continue;
      const isNamed = named.includes(device.device) || this.#notes.isUnwelcome(device);
      if (isNamed || !(await isListed(device, false))) remove.push(device);
    }
    if (remove.length === 0) return;
    const at = this.#now;
    const made = await crypto.commit(state, { remove }, encoder.encode(String(at)));
    // Before it leaves: whether it was taken may show after a restart only.
    await this.#notes.noteRemoved(remove, made.state, at);
    await this.#offer(state.epoch, made);
  }

  async #comeInAnew(from: number, to: number | undefined): Promise<void> {
    this.#state = undefined;
    await this.#options.store.forget();
    if (to !== undefined) this.#options.onGap(from, to);
    await this.#comeIn();
  }

  /** Makes the group, if nobody has, or joins it by a commit of its own. */
  async #comeIn(): Promise<void> {
    const { session, channel, crypto, own, store } = this.#options;
    const { epoch } = await session.request("group.commits", { channel, from: 0 });
    if (epoch === undefined) {
      await this.#make();
      return;
    }
    const { epoch: present, info } = await session.request("group.info", { channel });
    const bytes = fromBase64url(info) ?? new Uint8Array();
    const kept = await store.pending();
    // This device made it, and did not hear so.
    if (kept !== undefined && sameBytes(kept.commit, bytes)) return this.#adopt(crypto.decode(kept.state));
    const { invitation = this.#notes.invitation } = await session.request("channel.get", { channel });
    if (this.#notes.isRefused(invitation))
      throw new ParleyError("not_invited", { message: "A member of the channel has to invite this one again." });
    await this.#notes.noteInvitation(invitation);
    const joined = await crypto.joinByCommit(bytes);
    // An older group, or one of theirs, may have those in it whom this device saw being taken out.
    const isBack = ({ member }: GroupDevice): boolean =>
      member !== own.member && this.#notes.removedAt(member) !== undefined;
    await this.#noteUnwelcome(joined.state.devices.filter(isBack));
    await this.#offer(present, joined);
  }

  /** Its state is on disk before it is offered, but not taken up before: somebody else may be making the group too. */
  async #make(): Promise<void> {
    const { session, channel, crypto, own, store } = this.#options;
    const state = await crypto.createGroup(channel);
    const info = await crypto.groupInfo(state);
    await store.savePending({ commit: info, state: crypto.encode(state) });
    await session.request("group.commit", { channel, info: toBase64url(info), devices: [own.device] });
    await this.#adopt(state);
  }

  /** What it leads to is on disk before the commit leaves, and is taken up once the registry has the commit. */
  async #offer(epoch: number, { state, commit, groupInfo }: NewCommit): Promise<void> {
    const { session, channel, crypto, store } = this.#options;
    await store.savePending({ commit, state: crypto.encode(state) });
    const { invitation } = this.#notes;
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
    this.#reader = undefined;
    await this.#notes.prune(state);
  }
}

/** When a commit was made that took somebody out, by the registry's clock. */
function timeIn(authenticated: Uint8Array): number | undefined {
  const text = decoder.decode(authenticated);
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
