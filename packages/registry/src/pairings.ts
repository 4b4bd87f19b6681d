import {
  type Clock,
  peekStatement,
  type Records,
  verifyByOperator,
  verifyDevices,
  verifyRootKey,
  verifyStatement,
} from "@parley/core";
import {
  compactSchema,
  id16Schema,
  id32Schema,
  labelSchema,
  type MemberRecord,
  type PairingState,
  ParleyError,
  type Pending,
  type Statement,
} from "@parley/protocol";
import { z } from "zod";

import { checkOperatorRoles } from "./admission-roles.ts";
import { type AuditRecorder, byAddress } from "./audit/audit-trail.ts";
import { AwaitedRecords } from "./awaited-records.ts";
import type { RegistryBounds } from "./bounds.ts";
import type { Invites } from "./invites.ts";
import { JsonRecords } from "./json-records.ts";
import { keys, prefixes } from "./keys.ts";
import type { Members } from "./members.ts";
import type { MeshState } from "./mesh-state.ts";

const time = z.int().min(0);
const storedPairingSchema = z.object({
  member: id32Schema,
  request: compactSchema,
  devices: compactSchema,
  invite: id16Schema,
  inviteLabel: labelSchema.optional(),
  /** The grant of a pre-approved link. */
  grant: compactSchema.optional(),
  address: z.string().max(64),
  since: time,
  expires: time,
  state: z.enum(["pending", "admitted", "rejected"]),
  reason: labelSchema.optional(),
  admission: compactSchema.optional(),
});
type StoredPairing = z.infer<typeof storedPairingSchema>;
const pointerSchema = z.object({ pairing: id16Schema });

/** Nonces of requests remembered, oldest dropped first; each is worth something for twice the clock skew only. */
const mostNonces = 4096;

export interface PairingsOptions {
  readonly records: Records;
  readonly mesh: MeshState;
  readonly members: Members;
  readonly invites: Invites;
  readonly audit: AuditRecorder;
  readonly clock: Clock;
  readonly bounds: RegistryBounds;
  /** Somebody waits for approval. */
  readonly onPending: (pending: Pending) => void;
}

export interface PairingRequest {
  readonly secret: string;
  readonly request: string;
  readonly devices: string;
  /** By a pre-approved link: signed with its invite key. */
  readonly admission?: string | undefined;
}

/** Requests to join, from the use of an invite to the operator's word. The word is one change of the pairing's record. */
export class Pairings {
  readonly #options: PairingsOptions;
  readonly #pairings: AwaitedRecords<StoredPairing>;
  readonly #pointers: JsonRecords<{ pairing: string }>;
  readonly #nonces = new Map<string, string>();

  constructor(options: PairingsOptions) {
    this.#options = options;
    const { records, clock, bounds } = options;
    this.#pairings = new AwaitedRecords({
      records,
      schema: storedPairingSchema,
      prefix: prefixes.pairing,
      pending: ["pending"],
      clock,
      bounds,
    });
    this.#pointers = new JsonRecords(records, pointerSchema);
  }

  open(signal: AbortSignal): Promise<void> {
    return this.#pairings.open(signal);
  }

  /** Takes a request to join. Asking again with the same invite gives the same pairing. */
  async request(asked: PairingRequest, address: string): Promise<PairingState> {
    const { clock, bounds, invites, members, mesh, audit } = this.#options;
    const { request, member } = await this.#verify(asked);
    if (mesh.isRevoked(member)) throw new ParleyError("revoked");
    const stored = await members.get(member);
    if (stored?.revoked !== undefined) throw new ParleyError("revoked");
    if (stored !== undefined) return this.#answerAgain(asked, member);
    if (request.asks?.recovers !== true && !(await members.isNameFree(request.name, member)))
      throw new ParleyError("name_taken");
    if (this.#pairings.pending().length >= bounds.pendingPairings)
      throw new ParleyError("limit_reached", {
        message: "Too many members wait for approval; ask an operator to answer them.",
      });
    const { invite, pairing, label, grant } = await invites.redeem(asked.secret, member);
    this.#refuseReplay(request.nonce, pairing);
    const since = clock.now();
    const fresh: StoredPairing = {
      member,
      request: asked.request,
      devices: asked.devices,
      invite,
      ...(label === undefined ? {} : { inviteLabel: label }),
      ...(grant === undefined ? {} : { grant }),
      address: address.slice(0, 64),
      since,
      expires: since + bounds.pairingLifeMs,
      state: "pending",
    };
    const kept = await this.#pairings.change(pairing, (current) => (current === undefined ? fresh : undefined));
    await this.#pointers.change(keys.pairingOf(member), (current) =>
      current?.pairing === pairing ? undefined : { pairing },
    );
    if (kept === fresh) {
      const by = byAddress(address);
      await Promise.all([
        audit.record({ act: "invite.redeemed", by, subject: invite, facts: { member } }),
        audit.record({ act: "pairing.requested", by, subject: pairing, facts: { member, name: request.name } }),
      ]);
    }
    if (asked.admission !== undefined) return this.#admitGranted(pairing, asked.admission);
    // Who comes by a pre-approved link needs nobody's attention.
    if (kept === fresh && grant === undefined) this.#options.onPending(shown(pairing, fresh));
    return this.#stateOf(pairing, kept);
  }

  /** A member that is in asks as it did before, because the answer was lost. Throws `already_exists` for everything else. */
  async #answerAgain({ secret }: PairingRequest, member: string): Promise<PairingState> {
    const redeemed = await this.#options.invites.redeemed(secret, member);
    const stored = redeemed?.grant === undefined ? undefined : await this.#pairings.get(redeemed.pairing);
    if (redeemed !== undefined && stored?.state === "admitted") return this.#stateOf(redeemed.pairing, stored);
    throw new ParleyError("already_exists", { message: "This member is in the mesh already." });
  }

  /** Lets somebody in by a pre-approved link: the use is counted, and the admission is under the grant of that very link. */
  async #admitGranted(pairing: string, compact: string): Promise<PairingState> {
    const stored = await this.#require(pairing);
    if (stored.grant === undefined || peekStatement("admission", compact).grant !== stored.grant)
      throw new ParleyError("forbidden", { message: "This invite was not approved beforehand." });
    if (peekStatement("grant", stored.grant).exp <= this.#options.clock.now())
      throw new ParleyError("expired", { message: "The invite has expired; ask for a new one." });
    await this.#admit(pairing, compact);
    return this.#stateOf(pairing, await this.#pairings.get(pairing));
  }

  /** A page of those who wait. */
  list(limit: number, after?: string): { pending: Pending[]; next?: string } {
    const waiting = this.#pairings
      .pending()
      .filter(({ id }) => after === undefined || id > after)
      .sort((one, other) => (one.id < other.id ? -1 : 1));
    const pending = waiting.slice(0, limit).map(({ id, value }) => shown(id, value));
    const last = pending.at(-1);
    return { pending, ...(waiting.length > limit && last !== undefined ? { next: last.pairing } : {}) };
  }

  /** What became of a request. With `waitMs` it waits that long for news of one that is pending. */
  async state(pairing: string, waitMs: number): Promise<PairingState> {
    const found = await this.#pairings.awaited(pairing, waitMs);
    if (found === undefined)
      throw new ParleyError("not_found", { message: "There is no such request to join; ask again with a new invite." });
    return this.#stateOf(pairing, found);
  }

  /** Lets a member in by an operator-signed admission. Approving again with the same admission finishes what was cut short. */
  async approve(pairing: string, compact: string): Promise<void> {
    if (peekStatement("admission", compact).grant !== undefined)
      throw new ParleyError("invalid_argument", { message: "An operator's own admission carries no grant." });
    await this.#admit(pairing, compact);
  }

  async #admit(pairing: string, compact: string): Promise<void> {
    const { members, mesh, clock } = this.#options;
    const stored = await this.#require(pairing);
    const admission = await verifyByOperator("admission", compact, mesh.require().operators);
    if (admission.member !== stored.member)
      throw new ParleyError("invalid_argument", {
        message: "The admission is for another member than the one that asks.",
      });
    if (mesh.isRevoked(stored.member)) throw new ParleyError("revoked");
    const record = recordOf(stored, compact);
    await members.verify(record);
    checkOperatorRoles(admission, mesh.require().operators);
    if (admission.replaces !== undefined && !mesh.isRevoked(admission.replaces))
      throw new ParleyError("conflict", { message: "A member whose name is taken over is revoked first." });
    await members.reserveName(admission.name, stored.member);
    const kept = await this.#pairings.change(pairing, (current) => {
      if (current === undefined || current.state !== "pending") return undefined;
      if (current.expires <= clock.now()) return undefined;
      return { ...current, state: "admitted", admission: compact };
    });
    if (kept?.admission !== compact) {
      await this.#undoReservation(admission.name, stored.member, kept);
      throw decided(kept);
    }
    await members.admit(record);
  }

  async reject(pairing: string, reason: string | undefined): Promise<void> {
    await this.#require(pairing);
    const kept = await this.#pairings.change(pairing, (current) => {
      if (current === undefined || current.state !== "pending") return undefined;
      return { ...current, state: "rejected", ...(reason === undefined ? {} : { reason }) };
    });
    if (kept?.state !== "rejected") throw decided(kept);
  }

  /**
   * What a member without a record is: finishes an admission that was cut short, else throws `rejected` or
   * `not_admitted`.
   */
  async finishFor(member: string): Promise<void> {
    const pointer = await this.#pointers.get(keys.pairingOf(member));
    const stored = pointer === undefined ? undefined : await this.#pairings.get(pointer.value.pairing);
    if (stored?.state === "rejected") throw new ParleyError("rejected");
    if (stored?.state !== "admitted" || stored.admission === undefined) throw new ParleyError("not_admitted");
    await this.#options.members.admit(recordOf(stored, stored.admission));
  }

  /** Forgets requests that nobody answered and, as long after, those that were. */
  sweep(): Promise<void> {
    return this.#pairings.sweep(async (id, stored) => {
      // An admission that was cut short is finished before its request is forgotten.
      if (stored.state === "admitted" && stored.admission !== undefined)
        await this.#options.members.admit(recordOf(stored, stored.admission));
      await this.#pointers.deleteIf(keys.pairingOf(stored.member), (current) => current.pairing === id);
    });
  }

  async #verify(asked: PairingRequest): Promise<{ request: Statement<"pairing">; member: string }> {
    const { mesh } = this.#options.mesh.require();
    const claimed = peekStatement("pairing", asked.request);
    if (claimed.mesh !== mesh) throw new ParleyError("wrong_mesh");
    const request = await verifyStatement("pairing", asked.request, claimed.root);
    if (Math.abs(request.iat - this.#options.clock.now()) > this.#options.bounds.clockSkewMs)
      throw new ParleyError("clock_skew");
    const { member, key } = await verifyRootKey(mesh, request.root, []);
    await verifyDevices(mesh, member, key, asked.devices);
    return { request, member };
  }

  /** A signed request serves one pairing: with another invite it has to be signed anew. */
  #refuseReplay(nonce: string, pairing: string): void {
    const seen = this.#nonces.get(nonce);
    if (seen !== undefined && seen !== pairing) throw new ParleyError("replayed");
    if (this.#nonces.size >= mostNonces) this.#nonces.delete(this.#nonces.keys().next().value ?? "");
    this.#nonces.set(nonce, pairing);
  }

  async #require(pairing: string): Promise<StoredPairing> {
    const found = await this.#pairings.get(pairing);
    if (found === undefined)
      throw new ParleyError("not_found", {
        message: "Nobody waits under this id; see `parley member list --pending`.",
      });
    if (found.state === "pending" && !this.#pairings.isPending(found))
      throw new ParleyError("expired", { message: "The request to join has expired; the member has to ask again." });
    return found;
  }

  /** The name goes back unless the member holds it by the decision that stands. */
  async #undoReservation(name: string, member: string, kept: StoredPairing | undefined): Promise<void> {
    const standing = kept?.admission === undefined ? undefined : peekStatement("admission", kept.admission).name;
    if (standing !== name) await this.#options.members.releaseName(name, member);
  }

  #stateOf(pairing: string, stored: StoredPairing | undefined): PairingState {
    if (stored === undefined) throw new ParleyError("not_found");
    const { state, reason, admission, grant } = stored;
    if (state === "pending" && !this.#pairings.isPending(stored)) return { pairing, state: "expired" };
    return {
      pairing,
      state,
      ...(reason === undefined ? {} : { reason }),
      ...(admission === undefined ? {} : { admission }),
      ...(grant === undefined || state !== "pending" ? {} : { grant }),
    };
  }
}

function recordOf(stored: StoredPairing, admission: string): MemberRecord {
  return { root: peekStatement("pairing", stored.request).root, rotations: [], admission, devices: stored.devices };
}

function shown(pairing: string, stored: StoredPairing): Pending {
  const { request, invite, inviteLabel, address, since } = stored;
  return { pairing, request, invite, ...(inviteLabel === undefined ? {} : { inviteLabel }), address, since };
}

function decided(stored: StoredPairing | undefined): ParleyError {
  if (stored?.state === "rejected")
    return new ParleyError("conflict", { message: "This request to join was rejected already." });
  if (stored?.state === "admitted")
    return new ParleyError("conflict", { message: "This member was let in already, by another admission." });
  return new ParleyError("expired", { message: "The request to join has expired; the member has to ask again." });
}
