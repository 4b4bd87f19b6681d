import {
  peekStatement,
  type Records,
  verifyCard,
  verifyDevices,
  type VerifiedMember,
  verifyByOperator,
  verifyMember,
  verifyRootKey,
  verifyWithdrawals,
} from "@parley/core";
import { foldName, id32Schema, limits, type MemberRecord, nameSchema, ParleyError } from "@parley/protocol";
import { z } from "zod";

import { checkOperatorRoles } from "./admission-roles.ts";
import type { AuditRecorder } from "./audit/audit-trail.ts";
import { MemberActs } from "./audit/member-acts.ts";
import type { Directory, DirectoryEntry } from "./directory.ts";
import { JsonRecords, type Versioned } from "./json-records.ts";
import { keys } from "./keys.ts";
import type { MeshState } from "./mesh-state.ts";
import { type StoredMember, storedMemberSchema } from "./stored-member.ts";

const nameHolderSchema = z.object({ member: id32Schema, name: nameSchema, at: z.int().min(0) });
type NameHolder = z.infer<typeof nameHolderSchema>;

/** A name that was reserved for an admission that never came is free again after this. */
const reservationMs = 60_000;
/** A whole record fits into one control message with its presence. */
const mostRecordCharacters = 96 * 1024;

export interface MembersOptions {
  readonly records: Records;
  readonly mesh: MeshState;
  readonly directory: Directory;
  readonly now: () => number;
  readonly mostMembers: number;
  readonly audit: AuditRecorder;
}

/** The admitted members: their records, the names they hold, and every change of their statements. */
export class Members {
  readonly #options: MembersOptions;
  readonly #members: JsonRecords<StoredMember>;
  readonly #names: JsonRecords<NameHolder>;
  readonly #acts: MemberActs;

  constructor(options: MembersOptions) {
    this.#options = options;
    this.#members = new JsonRecords(options.records, storedMemberSchema);
    this.#names = new JsonRecords(options.records, nameHolderSchema);
    const { audit, mesh } = options;
    this.#acts = new MemberActs({ audit, revocations: () => mesh.claimed?.revocations?.compact });
  }

  async get(member: string): Promise<StoredMember | undefined> {
    return (await this.#members.get(keys.member(member)))?.value;
  }

  /** Brings the directory up to what the store has of a member. */
  async refresh(member: string): Promise<void> {
    const stored = await this.#members.get(keys.member(member));
    if (stored !== undefined) this.#options.directory.apply(member, stored.value, stored.revision);
  }

  /** The member that holds a name, asked of the store. */
  async holderOf(name: string): Promise<string | undefined> {
    const holder = await this.#names.get(keys.name(name));
    return holder?.value.name === name ? holder.value.member : undefined;
  }

  /** By name or id. The directory may be late: the store has the last word before it throws `unknown_member`. */
  async find(wanted: { readonly name: string } | { readonly member: string }): Promise<DirectoryEntry> {
    const { directory } = this.#options;
    const known = "member" in wanted ? directory.get(wanted.member) : directory.byName(wanted.name);
    if (known !== undefined) return known;
    const id = "member" in wanted ? wanted.member : await this.holderOf(wanted.name);
    if (id !== undefined) await this.refresh(id);
    const found = id === undefined ? undefined : directory.get(id);
    if (found === undefined) throw new ParleyError("unknown_member");
    return found;
  }

  /** A member's statements by name or id, also where its admission has ended. Throws `unknown_member` or `revoked`. */
  async statements(wanted: { readonly name: string } | { readonly member: string }): Promise<MemberRecord> {
    const id = "member" in wanted ? wanted.member : await this.holderOf(wanted.name);
    const stored = id === undefined ? undefined : await this.get(id);
    if (stored === undefined) throw new ParleyError("unknown_member");
    return requireMember(stored).record;
  }

  /** Whether a member is in and its admission still runs. */
  async isAdmitted(member: string): Promise<boolean> {
    const stored = await this.get(member);
    return stored !== undefined && peekStatement("admission", stored.record.admission).exp > this.#options.now();
  }

  /** Verifies everything that a record says, against the operators of now. */
  verify(record: MemberRecord): Promise<VerifiedMember> {
    return verifyMember(record, this.#options.mesh.require().operators, this.#options.now());
  }

  /** Whether a member could have this name: nobody else holds it or one that looks the same. */
  async isNameFree(name: string, member: string): Promise<boolean> {
    const holder = await this.#names.get(keys.name(name));
    return holder === undefined || (await this.#mayTake(holder.value, member));
  }

  /** Reserves a name before an admission. Throws `name_taken`. */
  async reserveName(name: string, member: string): Promise<void> {
    const at = this.#options.now();
    await this.#names.change(keys.name(name), async (current) => {
      if (current?.member === member && current.name === name) return undefined;
      if (current !== undefined && !(await this.#mayTake(current, member))) throw new ParleyError("name_taken");
      return { member, name, at };
    });
  }

  /** Gives a name back, if this member holds it. */
  async releaseName(name: string, member: string): Promise<void> {
    await this.#names.deleteIf(keys.name(name), (holder) => holder.member === member);
  }

  /** Puts a member in whose name is reserved. The same admission again changes nothing. */
  async admit(record: MemberRecord): Promise<void> {
    const { member, numbers } = await this.verify(record);
    const { directory, mesh, mostMembers } = this.#options;
    await this.#change(member, (current) => {
      if (current === undefined) {
        if (directory.size >= mostMembers)
          throw new ParleyError("limit_reached", { message: "The mesh has as many members as it can." });
        return { record };
      }
      if (current.record.admission === record.admission) return undefined;
      if (numbers.admission <= peekStatement("admission", current.record.admission).number)
        throw new ParleyError("stale_statement");
      return { record };
    });
    // A list that came while the record was written did not find it.
    if (mesh.isRevoked(member)) await this.#revoke(member);
  }

  /**
   * Takes an operator's next admission of a member that is in: other roles, scope, name or end. The same one again changes
   * nothing. Throws `stale_statement`, `name_taken`, `not_operator` or what verification finds.
   */
  async publishAdmission(compact: string): Promise<void> {
    const { operators } = this.#options.mesh.require();
    const { member, name, number, roles, grant, replaces } = await verifyByOperator("admission", compact, operators);
    if (grant !== undefined)
      throw new ParleyError("invalid_argument", { message: "An operator's own admission carries no grant." });
    checkOperatorRoles({ member, roles }, operators);
    const before = requireMember(await this.get(member)).record.admission;
    if (before === compact) return;
    const known = peekStatement("admission", before);
    if (replaces !== undefined && replaces !== known.replaces)
      throw new ParleyError("invalid_argument", { message: "Only a newcomer takes a name over." });
    refuseOlder("admission", number, known.number);
    await this.reserveName(name, member);
    await this.#change(member, async (current) => {
      const { record } = requireMember(current);
      if (record.admission === compact) return undefined;
      refuseOlder("admission", number, peekStatement("admission", record.admission).number);
      const next = bounded({ ...record, admission: compact });
      await this.verify(next);
      return { record: next };
    });
    if (foldName(known.name) !== foldName(name)) await this.releaseName(known.name, member);
  }

  /** Stores a newer device list. The same one again changes nothing; an older one is `stale_statement`. */
  async publishDevices(member: string, compact: string): Promise<void> {
    const { mesh } = this.#options.mesh.require();
    await this.#change(member, async (current) => {
      const { record } = requireMember(current);
      if (record.devices === compact) return undefined;
      const root = await verifyRootKey(mesh, record.root, record.rotations);
      const list = await verifyDevices(mesh, member, root.key, compact);
      refuseOlder("device list", list.number, peekStatement("devices", record.devices).number);
      refuseDatedAhead(list.devicesAt, this.#options.now());
      return { record: bounded({ ...record, devices: compact }) };
    });
  }

  /** Stores a newer card. The same one again changes nothing; an older one is `stale_statement`. */
  async publishCard(member: string, compact: string): Promise<void> {
    const { mesh } = this.#options.mesh.require();
    await this.#change(member, async (current) => {
      const { record } = requireMember(current);
      if (record.card === compact) return undefined;
      const root = await verifyRootKey(mesh, record.root, record.rotations);
      const { number } = await verifyCard(mesh, member, root.key, compact);
      refuseOlder("card", number, record.card === undefined ? 0 : peekStatement("card", record.card).number);
      return { record: bounded({ ...record, card: compact }) };
    });
  }

  /** Stores a newer list of withdrawals. The same one again changes nothing; an older one is `stale_statement`. */
  async publishWithdrawals(member: string, compact: string): Promise<void> {
    const { mesh } = this.#options.mesh.require();
    await this.#change(member, async (current) => {
      const { record } = requireMember(current);
      if (record.withdrawals === compact) return undefined;
      const root = await verifyRootKey(mesh, record.root, record.rotations);
      const { number } = await verifyWithdrawals(mesh, member, root.key, compact);
      const known = record.withdrawals === undefined ? 0 : peekStatement("withdrawals", record.withdrawals).number;
      refuseOlder("list of withdrawals", number, known);
      return { record: bounded({ ...record, withdrawals: compact }) };
    });
  }

  /**
   * Stores the next root key with all that it signed anew, in one step. The same once more changes nothing; one that does
   * not follow what is known, or that leaves the card behind, is refused.
   */
  async publishRotation(
    member: string,
    {
      rotation,
      devices,
      card,
    }: { readonly rotation: string; readonly devices: string; readonly card?: string | undefined },
  ): Promise<void> {
    const { mesh } = this.#options.mesh.require();
    await this.#change(member, async (current) => {
      const { record } = requireMember(current);
      if (record.rotations.at(-1) === rotation) return undefined;
      const rotations = [...record.rotations, rotation];
      if (rotations.length > limits.rotations)
        throw new ParleyError("limit_reached", {
          message: `A root key changes at most ${limits.rotations} times; a new member has to take over.`,
        });
      const signed = peekStatement("rotation", rotation);
      if (signed.number !== rotations.length)
        throw new ParleyError("stale_statement", {
          message: `Rotation ${signed.number} of a root key was offered; number ${rotations.length} is next.`,
        });
      const root = await verifyRootKey(mesh, record.root, rotations);
      const list = await verifyDevices(mesh, member, root.key, devices);
      refuseOlder("device list", list.number, peekStatement("devices", record.devices).number);
      refuseDatedAhead(list.devicesAt, this.#options.now());
      const { card: before, withdrawals: _withdrawals, ...rest } = record;
      if (before === undefined && card === undefined) return { record: bounded({ ...rest, rotations, devices }) };
      if (card === undefined)
        throw new ParleyError("invalid_argument", { message: "The new root key has to sign the card, too." });
      const { number } = await verifyCard(mesh, member, root.key, card);
      refuseOlder("card", number, before === undefined ? 0 : peekStatement("card", before).number);
      return { record: bounded({ ...rest, rotations, devices, card }) };
    });
  }

  /** Stores rotations of the root key that a device brought along, with the device list that the new key signed. */
  async publishRotations(member: string, rotations: readonly string[], devices: string): Promise<void> {
    const { mesh } = this.#options.mesh.require();
    await this.#change(member, async (current) => {
      const { record } = requireMember(current);
      const follows = record.rotations.every((compact, index) => compact === rotations[index]);
      if (!follows)
        throw new ParleyError("stale_statement", {
          message: "The rotations of the root key leave out some that are known.",
        });
      if (rotations.length === record.rotations.length) return undefined;
      const root = await verifyRootKey(mesh, record.root, rotations);
      const list = await verifyDevices(mesh, member, root.key, devices);
      refuseOlder("device list", list.number, peekStatement("devices", record.devices).number);
      // What the key before signed is worth nothing now: its member publishes it again.
      const { card: _card, withdrawals: _withdrawals, ...rest } = record;
      return { record: bounded({ ...rest, rotations: [...rotations], devices }) };
    });
  }

  /** Marks every member of the newest revocation list and frees its name. Doing it again changes nothing. */
  async revokeListed(): Promise<readonly string[]> {
    const revoked = this.#options.mesh.claimed?.revocations?.list.revoked ?? [];
    for (const { member } of revoked) await this.#revoke(member);
    return revoked.map(({ member }) => member);
  }

  async #revoke(member: string): Promise<void> {
    const { mesh, now } = this.#options;
    const list = mesh.claimed?.revocations?.list.number ?? 1;
    const stored = await this.#change(member, (current) =>
      current === undefined || current.revoked !== undefined ? undefined : { ...current, revoked: { at: now(), list } },
    );
    if (stored !== undefined)
      await this.releaseName(peekStatement("admission", stored.value.record.admission).name, member);
  }

  async #mayTake(holder: NameHolder, member: string): Promise<boolean> {
    if (holder.member === member) return true;
    const stored = await this.get(holder.member);
    if (stored === undefined) return this.#options.now() - holder.at > reservationMs;
    if (stored.revoked !== undefined) return true;
    return foldName(peekStatement("admission", stored.record.admission).name) !== foldName(holder.name);
  }

  async #change(
    member: string,
    next: (current: StoredMember | undefined) => StoredMember | undefined | Promise<StoredMember | undefined>,
  ): Promise<Versioned<StoredMember> | undefined> {
    let before: StoredMember | undefined;
    let isChanged = false;
    const stored = await this.#members.change(keys.member(member), async (current) => {
      const value = await next(current);
      before = current;
      isChanged = value !== undefined;
      return value;
    });
    if (stored !== undefined) this.#options.directory.apply(member, stored.value, stored.revision);
    if (stored !== undefined && isChanged) await this.#acts.changed(member, before, stored.value);
    return stored;
  }
}

function requireMember(current: StoredMember | undefined): StoredMember {
  if (current === undefined) throw new ParleyError("not_admitted");
  if (current.revoked !== undefined) throw new ParleyError("revoked");
  return current;
}

function refuseOlder(what: string, number: number, known: number): void {
  if (number > known) return;
  throw new ParleyError("stale_statement", {
    message: `A ${what} with number ${number} was offered; number ${known} is known.`,
  });
}

/** Dated ahead, a list would look fresh for ever. */
function refuseDatedAhead(at: number, now: number): void {
  if (at > now + limits.clockSkewMs) throw new ParleyError("clock_skew");
}

function bounded(record: MemberRecord): MemberRecord {
  if (JSON.stringify(record).length <= mostRecordCharacters) return record;
  throw new ParleyError("too_large", {
    message: "The statements of this member are together larger than the limit; shorten its card.",
  });
}
