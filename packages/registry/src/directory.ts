import {
  admittedBy,
  effectiveRoles,
  type OperatorSet,
  peekStatement,
  type RecordChange,
  type Records,
} from "@parley/core";
import {
  type MemberEntry,
  type MemberKind,
  type MemberRecord,
  ParleyError,
  type RequestBody,
  type Role,
  type Scope,
} from "@parley/protocol";

import { JsonRecords } from "./json-records.ts";
import { afterPrefix, prefixes } from "./keys.ts";
import { pageCharacters } from "./page-room.ts";
import { type StoredMember, storedMemberSchema } from "./stored-member.ts";

/** What the directory knows of a member without asking the store. Its statements were verified when they came in. */
export interface DirectoryEntry {
  readonly member: string;
  readonly name: string;
  readonly kind: MemberKind;
  /** Those that count, see `effectiveRoles`. */
  readonly roles: readonly Role[];
  readonly scope: Scope | undefined;
  /** Whether who admitted it is still an operator. */
  readonly vouched: boolean;
  readonly admissionExpires: number;
  readonly devices: readonly string[];
  readonly record: MemberRecord;
  readonly revoked: boolean;
}

interface Indexed extends DirectoryEntry {
  readonly stored: StoredMember;
  readonly revision: number;
  readonly skills: ReadonlySet<string>;
  readonly tags: ReadonlySet<string>;
  /** Folded text that a search looks through. */
  readonly text: string;
}

/** How members stand to each other at this moment: live ones before the others, the least loaded first. */
export interface Liveness {
  isLive(member: string): boolean;
  load(member: string): number;
  entry(member: string): Pick<MemberEntry, "devices" | "availability">;
}

interface Ranked {
  readonly entry: Indexed;
  readonly live: boolean;
  readonly load: number;
}

const defaultPage = 50;
/** Text that one card adds to the search. */
const mostTextCharacters = 16 * 1024;

const fold = (text: string): string => text.normalize("NFKC").toLowerCase();

/** All members by name, skill, tag and text: a projection of the `member/` records, kept by watching them. */
export class Directory {
  readonly #decoder: JsonRecords<StoredMember>;
  readonly #records: Records;
  readonly #now: () => number;
  readonly #operators: () => OperatorSet | undefined;
  readonly #onChange: (entry: DirectoryEntry) => void;
  readonly #members = new Map<string, Indexed>();
  readonly #names = new Map<string, string>();
  readonly #skills = new Map<string, Set<string>>();
  #version = 0;

  constructor(
    records: Records,
    now: () => number,
    operators: () => OperatorSet | undefined,
    onChange: (entry: DirectoryEntry) => void,
  ) {
    this.#records = records;
    this.#operators = operators;
    this.#decoder = new JsonRecords(records, storedMemberSchema);
    this.#now = now;
    this.#onChange = onChange;
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#records.watch(prefixes.member, (change) => this.#follow(change), { signal });
  }

  get size(): number {
    return this.#members.size;
  }

  /** Grows with every change of any member. */
  get version(): number {
    return this.#version;
  }

  /** Devices on the list of a member that is not revoked, whether its admission still runs or waits to be renewed. */
  devicesOf(member: string): readonly string[] {
    const entry = this.#members.get(member);
    return entry === undefined || entry.revoked ? [] : entry.devices;
  }

  /** A member that is admitted now; undefined for one that is revoked, expired, vouched for by nobody or unknown here. */
  get(member: string): DirectoryEntry | undefined {
    const entry = this.#members.get(member);
    return entry !== undefined && this.#isListed(entry) ? entry : undefined;
  }

  /** Whether a member that is admitted now has a skill on its card. */
  hasSkill(member: string, skill: string): boolean {
    return this.get(member) !== undefined && this.#members.get(member)?.skills.has(skill) === true;
  }

  byName(name: string): DirectoryEntry | undefined {
    const member = this.#names.get(name);
    return member === undefined ? undefined : this.get(member);
  }

  /** Takes a change of one record, from the watch or from whoever just wrote it; an older one is passed over. */
  apply(member: string, stored: StoredMember, revision: number): void {
    const before = this.#members.get(member);
    if (before !== undefined && before.revision >= revision) return;
    if (before !== undefined) this.#unindex(before);
    const entry = index(member, stored, revision, this.#operators());
    this.#members.set(member, entry);
    this.#version++;
    if (!entry.revoked) {
      this.#names.set(entry.name, member);
      for (const skill of entry.skills) this.#skills.set(skill, (this.#skills.get(skill) ?? new Set()).add(member));
    }
    this.#onChange(entry);
  }

  /** Other operators than before: the roles that count, and who is vouched for, may have changed. */
  operatorsChanged(): void {
    for (const before of this.#members.values()) {
      const { vouched, roles } = index(before.member, before.stored, before.revision, this.#operators());
      if (vouched === before.vouched && roles.join() === before.roles.join()) continue;
      const entry = { ...before, vouched, roles };
      this.#members.set(before.member, entry);
      this.#version++;
      this.#onChange(entry);
    }
  }

  /** One page of the members that fit all that is given, of those that the asker may see. */
  find(
    query: RequestBody<"directory.find">,
    liveness: Liveness,
    maySee: (entry: DirectoryEntry) => boolean,
  ): { members: MemberEntry[]; next?: string } {
    const after = query.after === undefined ? undefined : parseCursor(query.after);
    const ranked = this.#matching(query)
      .filter(maySee)
      .map((entry): Ranked => ({ entry, live: liveness.isLive(entry.member), load: liveness.load(entry.member) }))
      .filter(({ live }) => query.live !== true || live)
      .filter((one) => after === undefined || compare(one, after) > 0)
      .sort(compare);
    const members: MemberEntry[] = [];
    let characters = 0;
    for (const [position, one] of ranked.entries()) {
      const entry = { record: one.entry.record, ...liveness.entry(one.entry.member) };
      characters += JSON.stringify(entry).length;
      const full =
        members.length >= (query.limit ?? defaultPage) || (members.length > 0 && characters > pageCharacters);
      const last = ranked[position - 1];
      if (full && last !== undefined) return { members, next: cursorOf(last) };
      members.push(entry);
    }
    return { members };
  }

  #matching(query: RequestBody<"directory.find">): Indexed[] {
    const text = query.text === undefined ? undefined : fold(query.text);
    const holders = query.skill === undefined ? undefined : (this.#skills.get(query.skill) ?? new Set<string>());
    const candidates =
      holders === undefined ? this.#members.values() : [...holders].flatMap((id) => this.#members.get(id) ?? []);
    return [...candidates].filter(
      (entry) =>
        this.#isListed(entry) &&
        (query.kind === undefined || entry.kind === query.kind) &&
        (query.tag === undefined || entry.tags.has(fold(query.tag))) &&
        (text === undefined || entry.text.includes(text)),
    );
  }

  #isListed(entry: Indexed): boolean {
    return !entry.revoked && entry.vouched && entry.admissionExpires > this.#now();
  }

  #follow(change: RecordChange): void {
    const stored = this.#decoder.decode(change.value);
    if (stored !== undefined) this.apply(afterPrefix(change.key, prefixes.member), stored, change.revision);
  }

  #unindex(entry: Indexed): void {
    if (this.#names.get(entry.name) === entry.member) this.#names.delete(entry.name);
    for (const skill of entry.skills) {
      const holders = this.#skills.get(skill);
      holders?.delete(entry.member);
      if (holders?.size === 0) this.#skills.delete(skill);
    }
  }
}

function index(member: string, stored: StoredMember, revision: number, operators: OperatorSet | undefined): Indexed {
  const { record } = stored;
  const { name, kind, roles, exp, scope } = peekStatement("admission", record.admission);
  const { devices } = peekStatement("devices", record.devices);
  const card = record.card === undefined ? undefined : peekStatement("card", record.card).card;
  const skills = card?.skills ?? [];
  const text = [name, card?.name, card?.description, ...skills.flatMap((skill) => [skill.id, skill.name])].join("\n");
  return {
    member,
    name,
    kind,
    roles: operators === undefined ? roles : effectiveRoles(member, roles, operators),
    scope,
    vouched: operators?.keys.has(admittedBy(record.admission)) ?? true,
    stored,
    admissionExpires: exp,
    devices: devices.map(({ device }) => device),
    record,
    revoked: stored.revoked !== undefined,
    revision,
    skills: new Set(skills.map(({ id }) => id)),
    tags: new Set(skills.flatMap(({ tags }) => tags.map(fold))),
    text: fold(text).slice(0, mostTextCharacters),
  };
}

type Position = { readonly live: boolean; readonly load: number; readonly entry: { readonly name: string } };

function compare(one: Position, other: Position): number {
  if (one.live !== other.live) return one.live ? -1 : 1;
  if (one.load !== other.load) return one.load - other.load;
  return one.entry.name < other.entry.name ? -1 : Number(one.entry.name > other.entry.name);
}

/** Where a page ended. Opaque to devices; what moves between two pages may come twice or not at all. */
function cursorOf(one: Position): string {
  return `${one.live ? 1 : 0}.${one.load}.${one.entry.name}`;
}

function parseCursor(text: string): Position {
  const match = /^([01])\.(\d{1,7})\.(.+)$/.exec(text);
  if (match === null)
    throw new ParleyError("invalid_argument", { message: "after: is not the `next` of an earlier page" });
  return { live: match[1] === "1", load: Number(match[2]), entry: { name: match[3] ?? "" } };
}
