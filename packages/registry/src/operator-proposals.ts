import {
  type Clock,
  type OperatorChange,
  operatorQuorum,
  operatorsDigest,
  type OperatorSet,
  peekStatement,
  type Random,
  type Records,
  sameOperators,
  verifyApproval,
} from "@parley/core";
import {
  compactSchema,
  id16Schema,
  id32Schema,
  limits,
  type ListedOperator,
  operatorListSchema,
  type OperatorProposal,
  ParleyError,
  toBase64url,
} from "@parley/protocol";
import { z } from "zod";

import type { RegistryBounds } from "./bounds.ts";
import { JsonRecords } from "./json-records.ts";
import { keys, prefixes } from "./keys.ts";
import type { MeshState } from "./mesh-state.ts";

const storedSchema = z.object({
  proposal: id16Schema,
  by: id32Schema,
  number: z.int().min(2),
  previous: id32Schema,
  operators: operatorListSchema,
  approvals: z.array(compactSchema).max(limits.operators),
  expires: z.int().min(0),
});
type Stored = z.infer<typeof storedSchema>;

export interface OperatorProposalsOptions {
  readonly records: Records;
  readonly mesh: MeshState;
  readonly clock: Clock;
  readonly random: Random;
  readonly bounds: Pick<
    RegistryBounds,
    "operatorProposals" | "operatorProposalsEach" | "operatorProposalLifeMs" | "clockSkewMs"
  >;
  /** Operators should look at it. */
  readonly onProposed: (proposal: OperatorProposal) => void;
}

/** A proposal, with the approvals that make a set of it. */
export interface ApprovedProposal {
  readonly proposal: OperatorProposal;
  readonly approvals: string[];
}

/**
 * Other operator sets that wait until enough operators agree. The registry only collects: it cannot make a set of them, and every
 * reader counts the approvals anew.
 */
export class OperatorProposals {
  readonly #options: OperatorProposalsOptions;
  readonly #proposals: JsonRecords<Stored>;

  constructor(options: OperatorProposalsOptions) {
    this.#options = options;
    this.#proposals = new JsonRecords(options.records, storedSchema);
  }

  /** Opens a proposal for the set that comes after the present one. */
  async propose(by: string, operators: readonly ListedOperator[], approval: string): Promise<OperatorProposal> {
    const { clock, random, bounds, mesh, onProposed } = this.#options;
    const held = mesh.require().operators;
    const change = { mesh: held.mesh, number: held.number + 1, previous: held.hash, operators: [...operators] };
    await this.#check(change, by, approval, held);
    const open = await this.#open();
    const own = open.filter((stored) => stored.by === by);
    const same = own.find((stored) => sameOperators(stored.operators, change.operators));
    if (same !== undefined) return this.#shown(same);
    if (open.length >= bounds.operatorProposals || own.length >= bounds.operatorProposalsEach)
      throw new ParleyError("limit_reached", { message: "Too many proposals are open; withdraw some." });
    const stored: Stored = {
      proposal: toBase64url(random.bytes(16)),
      by,
      number: change.number,
      previous: change.previous,
      operators: change.operators,
      approvals: [approval],
      expires: clock.now() + bounds.operatorProposalLifeMs,
    };
    await this.#proposals.change(keys.operatorProposal(stored.proposal), (current) => current ?? stored);
    const shown = this.#shown(stored);
    onProposed(shown);
    return shown;
  }

  async list(): Promise<OperatorProposal[]> {
    return (await this.#open()).map((stored) => this.#shown(stored));
  }

  /** Answers a proposal with its approvals, after one more if that is given. An operator's word counts once. */
  async approve(by: string, proposal: string, approval: string | undefined): Promise<ApprovedProposal> {
    const held = this.#options.mesh.require().operators;
    const kept = await this.#proposals.change(keys.operatorProposal(proposal), async (current) => {
      if (current === undefined || !this.#isOpen(current))
        throw new ParleyError("not_found", { message: "No such proposal is open; see `parley operator proposals`." });
      if (approval === undefined) return undefined;
      await this.#check({ ...current, mesh: held.mesh }, by, approval, held);
      const others = current.approvals.filter((compact) => peekStatement("approval", compact).by !== by);
      return { ...current, approvals: [...others, approval].slice(-limits.operators) };
    });
    if (kept === undefined) throw new ParleyError("not_found");
    return { proposal: this.#shown(kept.value), approvals: [...kept.value.approvals] };
  }

  async withdraw(by: string, proposal: string): Promise<void> {
    const isGone = await this.#proposals.deleteIf(keys.operatorProposal(proposal), (current) => current.by === by);
    if (!isGone) throw new ParleyError("not_found", { message: "No such proposal of yours is open." });
  }

  /** Forgets what has run out, and what follows a set that is not the present one. */
  async sweep(): Promise<void> {
    if (this.#options.mesh.claimed === undefined) return;
    for await (const { key, value } of this.#all())
      if (!this.#isOpen(value)) await this.#proposals.deleteIf(key, (current) => !this.#isOpen(current));
  }

  async #check(change: OperatorChange, by: string, approval: string, held: OperatorSet): Promise<void> {
    const key = held.keys.get(by);
    if (key === undefined) throw new ParleyError("not_operator");
    await verifyApproval(
      approval,
      await operatorsDigest(change),
      { mesh: held.mesh, by, key },
      this.#options.clock.now(),
    );
  }

  async #open(): Promise<readonly Stored[]> {
    const open: Stored[] = [];
    for await (const { value } of this.#all()) if (this.#isOpen(value)) open.push(value);
    return open;
  }

  #all(): ReturnType<JsonRecords<Stored>["all"]> {
    return this.#proposals.all(prefixes.operatorProposal, this.#options.bounds.operatorProposals * 4);
  }

  #isOpen({ previous, expires }: Stored): boolean {
    const { clock, mesh } = this.#options;
    return expires > clock.now() && previous === mesh.require().operators.hash;
  }

  #shown({ approvals, ...rest }: Stored): OperatorProposal {
    const approved = approvals.map((compact) => peekStatement("approval", compact).by);
    return { ...rest, approved, needed: operatorQuorum(this.#options.mesh.require().operators) };
  }
}
