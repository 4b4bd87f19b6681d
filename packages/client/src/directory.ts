/** Members as the registry tells of them, each verified against the pins before anybody sees it. */
import { type MeshTrust, peekStatement, type VerifiedMember, verifyDevices, verifyWithdrawals } from "@parley/core";
import { type DevicePresence, limits, type MemberEntry, ParleyError, parseName, toParleyError } from "@parley/protocol";

import type { FindQuery, FoundMembers, MemberView } from "./member-view.ts";
import type { Session } from "./session.ts";

/** Times that one question is asked while its answers are overtaken by what the member itself says. */
export const directoryTries = 3;

const idPattern = /^[A-Za-z0-9_-]{43}$/;
const presenceOrder = { connected: 0, stale: 1, offline: 2 } as const;

const isStale = ({ devicesAt }: VerifiedMember, now: number): boolean => now - devicesAt > limits.deviceListFreshMs;

function viewOf(verified: VerifiedMember, entry: MemberEntry, now: number): MemberView {
  const devices = entry.devices
    .filter((device) => verified.devices.has(device.device))
    .toSorted((left, right) => presenceOrder[left.state] - presenceOrder[right.state]);
  return {
    member: verified.member,
    name: verified.name,
    kind: verified.kind,
    roles: verified.roles,
    card: verified.card,
    devices,
    availability: entry.availability,
    live: devices.some((device) => device.state === "connected"),
    devicesAt: verified.devicesAt,
    stale: isStale(verified, now),
    verified,
  };
}

const revokedError = (who: string): ParleyError =>
  new ParleyError("revoked", { message: `${who} was revoked by an operator.` });

/** The lowest load among a member's connected devices. */
const loadOf = (member: MemberView): number =>
  Math.min(...member.devices.filter((device) => device.state === "connected").map((device) => device.load));

export class Directory {
  readonly #session: Session;
  readonly #trust: MeshTrust;
  readonly #onRefused: (error: ParleyError) => void;
  readonly #onMember: (view: MemberView) => void;
  readonly #known = new Map<string, MemberView>();
  readonly #asking = new Map<string, Promise<MemberView>>();
  readonly #byName = new Map<string, string>();
  readonly #watched = new Set<string>();
  /** Members whose changes the present session pushes: what is known of them is up to date. */
  #current: ReadonlySet<string> = new Set();
  #watchScheduled = false;

  constructor(options: {
    session: Session;
    trust: MeshTrust;
    onRefused: (error: ParleyError) => void;
    /** Hears of every record that was verified. */
    onMember?: (view: MemberView) => void;
  }) {
    this.#session = options.session;
    this.#onMember = options.onMember ?? (() => {});
    this.#trust = options.trust;
    this.#onRefused = options.onRefused;
  }

  /** A member seen before, by id or name, without asking. */
  known(who: string): MemberView | undefined {
    const member = this.#known.has(who) ? who : (this.#byName.get(who) ?? this.#byName.get(parseName(who) ?? ""));
    const view = member === undefined || this.#trust.isRevoked(member) ? undefined : this.#known.get(member);
    if (view === undefined || view.stale === isStale(view.verified, this.#session.registryTime)) return view;
    // A list grows old by itself.
    const aged = { ...view, stale: !view.stale };
    this.#remember(aged);
    return aged;
  }

  /**
   * `@name`, name or member id, verified. Asked from the registry unless the session pushes the member's changes
   * already. Concurrent questions share one answer.
   */
  get(who: string): Promise<MemberView> {
    const known = this.known(who);
    if (known !== undefined && this.#session.isOpen && this.#current.has(known.member)) return Promise.resolve(known);
    const name = idPattern.test(who) ? undefined : parseName(who);
    if (name === undefined && !idPattern.test(who)) return Promise.reject(new ParleyError("invalid_name"));
    // Nothing that the registry says could change it, and it may not answer. A name may be somebody else's by now.
    if (name === undefined && this.#trust.isRevoked(who)) return Promise.reject(revokedError("This member"));
    const asking = this.#asking.get(who);
    if (asking !== undefined) return asking;
    const asked = this.#ask(name, who).finally(() => this.#asking.delete(who));
    this.#asking.set(who, asked);
    return asked;
  }

  /** A member as it stands; what was known of it where the registry cannot say. */
  async current(member: string): Promise<VerifiedMember> {
    try {
      return (await this.get(member)).verified;
    } catch (error) {
      const known = toParleyError(error).retryable ? this.known(member) : undefined;
      if (known === undefined) throw error;
      return known.verified;
    }
  }

  /** Asks the registry for a member, whatever is known of it. */
  refresh(member: string): Promise<MemberView> {
    return this.#ask(undefined, member);
  }

  /** An answer may be overtaken: a member passes its newest device list on over its links, too. Then it is asked again. */
  async #ask(name: string | undefined, who: string): Promise<MemberView> {
    const expect = name === undefined ? { member: who } : { name };
    for (let tries = 1; ; tries++) {
      const before = this.known(who)?.verified;
      const entry = await this.#request(name, who);
      try {
        return await this.#accept(entry, expect);
      } catch (error) {
        const refused = toParleyError(error);
        const isOvertaken = refused.code === "stale_statement" && this.known(who)?.verified !== before;
        if (isOvertaken && tries < directoryTries) continue;
        this.#onRefused(refused);
        throw error;
      }
    }
  }

  async #request(name: string | undefined, who: string): Promise<MemberEntry> {
    const asked = this.#session.request("directory.get", name === undefined ? { member: who } : { name });
    return asked.catch((error: unknown) => {
      // The registry forgets whoever is revoked; this device does not.
      const member = name === undefined ? who : this.#byName.get(name);
      const isRevoked =
        toParleyError(error).code === "unknown_member" && member !== undefined && this.#trust.isRevoked(member);
      throw isRevoked ? revokedError(name === undefined ? "This member" : `@${name}`) : error;
    });
  }

  async #accept(entry: MemberEntry, expect: { name?: string; member?: string }): Promise<MemberView> {
    const view = viewOf(await this.#trust.acceptMember(entry.record, expect), entry, this.#session.registryTime);
    this.#remember(view);
    this.#onMember(view);
    return view;
  }

  /** Takes an entry that nobody waits for, or names it as refused. */
  async #acceptOrTell(entry: MemberEntry, expect: { name?: string; member?: string } = {}): Promise<MemberView> {
    try {
      return await this.#accept(entry, expect);
    } catch (error) {
      this.#onRefused(toParleyError(error));
      throw error;
    }
  }

  /** Entries whose statements do not hold, or whose card lacks the skill asked for, are refused and named. */
  async find(query: FindQuery): Promise<FoundMembers> {
    const { members: entries, next } = await this.#session.request("directory.find", definedOf(query));
    const members: MemberView[] = [];
    const refused: { code: string; message: string }[] = [];
    for (const entry of entries) {
      try {
        const view = await this.#acceptOrTell(entry);
        const skill = query.skill;
        if (skill !== undefined && view.card?.skills.some(({ id }) => id === skill) !== true) {
          const error = new ParleyError("card_mismatch", {
            message: `The directory says that @${view.name} offers ${skill}; its signed card does not.`,
          });
          this.#onRefused(error);
          throw error;
        }
        members.push(view);
      } catch (error) {
        const { code, message } = toParleyError(error);
        refused.push({ code, message });
      }
    }
    return { members, refused, next };
  }

  /** Live holders of a skill other than `except`, least loaded first. */
  async holders(skill: string, except: string): Promise<readonly MemberView[]> {
    const { members } = await this.find({ skill, live: true });
    return members
      .filter((member) => member.member !== except && member.live)
      .toSorted((left, right) => loadOf(left) - loadOf(right));
  }

  /** Hears of changes of this member's presence from now on. */
  watch(member: string): void {
    if (this.#watched.has(member) || this.#watched.size >= limits.links) return;
    this.#watched.add(member);
    this.#announce();
  }

  /** Tells the node again whom this device watches: a new session knows nothing. */
  rewatch(): void {
    this.#current = new Set();
    if (this.#watched.size > 0) this.#announce();
  }

  /** Takes a presence push. Returns the member's new view when it is known. */
  onPresence(member: string, devices: readonly DevicePresence[]): MemberView | undefined {
    const before = this.#known.get(member);
    if (before === undefined) return undefined;
    const view = viewOf(
      before.verified,
      {
        record: before.verified.record,
        devices: [...devices],
        ...(before.availability === undefined ? {} : { availability: before.availability }),
      },
      this.#session.registryTime,
    );
    this.#remember(view);
    return view;
  }

  /** Takes newer statements of a watched member. */
  async onChanged(member: string, record: MemberEntry["record"]): Promise<MemberView> {
    const before = this.#known.get(member);
    return this.#acceptOrTell({ record, devices: [...(before?.devices ?? [])] }, { member });
  }

  /**
   * Takes a device list that the member itself passed on over a link. From then on an older one from the registry is
   * `stale_statement`. One under a root key that is not known yet has the registry asked. Undefined when it is no news.
   */
  async onDevices(of: VerifiedMember, devices: string): Promise<MemberView | undefined> {
    const before = this.#known.get(of.member)?.verified ?? of;
    const isNews = ({ record }: VerifiedMember): boolean =>
      peekStatement("devices", devices).number > peekStatement("devices", record.devices).number;
    if (!isNews(before)) return undefined;
    const { member, rootKey } = before;
    const isUnderKnownKey = await verifyDevices(this.#trust.mesh, member, rootKey, devices).then(
      () => true,
      () => false,
    );
    const known = isUnderKnownKey || !this.#session.isOpen ? before : (await this.refresh(member)).verified;
    return isNews(known) ? this.onChanged(member, { ...known.record, devices }) : undefined;
  }

  /**
   * Takes a list of withdrawn delegations that a peer passed on over a link: its own, or that of a member that is known here.
   * From then on an older one from the registry is `stale_statement`. Undefined when it is no news. Throws `bad_signature`.
   */
  async onWithdrawals(by: VerifiedMember, compact: string): Promise<MemberView | undefined> {
    const { member, number } = peekStatement("withdrawals", compact);
    const isOwn = member === by.member;
    const before = this.#known.get(member)?.verified ?? (isOwn ? by : undefined);
    const isNews = ({ numbers }: VerifiedMember): boolean => number > numbers.withdrawals;
    if (before === undefined || !isNews(before)) return undefined;
    const isUnderKnownKey = await verifyWithdrawals(this.#trust.mesh, member, before.rootKey, compact).then(
      () => true,
      () => false,
    );
    const isNewKey = !isUnderKnownKey && isOwn && this.#session.isOpen;
    const known = isNewKey ? (await this.refresh(member)).verified : (this.#known.get(member)?.verified ?? before);
    return isNews(known) ? this.onChanged(member, { ...known.record, withdrawals: compact }) : undefined;
  }

  /** Other operators than before: everybody who is known is verified anew, and forgotten if that fails. */
  async onOperators(): Promise<void> {
    for (const [member, view] of this.#known) {
      try {
        await this.onChanged(member, view.verified.record);
      } catch {
        if (this.#known.get(member) === view) this.#known.delete(member);
      }
    }
  }

  #remember(view: MemberView): void {
    if (!this.#known.has(view.member) && this.#known.size >= limits.members)
      this.#known.delete(this.#known.keys().next().value ?? "");
    this.#known.set(view.member, view);
    this.#byName.set(view.name, view.member);
  }

  /** Many watches of one tick are one request. */
  #announce(): void {
    if (this.#watchScheduled) return;
    this.#watchScheduled = true;
    queueMicrotask(() => {
      this.#watchScheduled = false;
      this.#tellWatched().catch((error: unknown) => {
        // A session that ends takes its watch with it; the next one is told again.
        if (this.#session.isOpen) this.#onRefused(toParleyError(error));
      });
    });
  }

  /** A member that changed between its first answer and the watch is asked again. */
  async #tellWatched(): Promise<void> {
    if (!this.#session.isOpen) return;
    const members = [...this.#watched];
    const before = this.#current;
    await this.#session.request("directory.watch", { members });
    for (const member of members) if (!before.has(member)) await this.#ask(undefined, member).catch(() => {});
    this.#current = new Set(members);
  }
}

/** Drops absent fields: the wire's objects are closed and know no `undefined`. */
function definedOf(query: FindQuery): { [Key in keyof FindQuery]: Exclude<FindQuery[Key], undefined> } {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
}
