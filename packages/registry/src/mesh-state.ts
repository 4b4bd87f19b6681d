import {
  type OperatorSet,
  peekStatement,
  type RecordChange,
  type Records,
  type Signer,
  verifyByOperator,
  verifyMember,
  verifyOperators,
} from "@parley/core";
import {
  compactSchema,
  limits,
  type MemberRecord,
  memberRecordSchema,
  type NodeInfo,
  operatorChainSchema,
  ParleyError,
  type Statement,
} from "@parley/protocol";
import { z } from "zod";

import { JsonRecords } from "./json-records.ts";
import { keys, prefixes } from "./keys.ts";

const storedSchema = z.object({
  operators: operatorChainSchema,
  certificate: compactSchema,
  /** The first operator, so that a claim cut short can be finished. */
  founder: memberRecordSchema,
  revocations: compactSchema.optional(),
});
type StoredMesh = z.infer<typeof storedSchema>;

/** What a claimed mesh stands on, verified. */
export interface ClaimedMesh {
  readonly mesh: string;
  readonly operators: OperatorSet;
  readonly certificate: string;
  readonly founder: MemberRecord;
  readonly revocations: { readonly compact: string; readonly list: Statement<"revocations"> } | undefined;
}

export interface ClaimStatements extends MemberRecord {
  readonly genesis: string;
  readonly certificate: string;
}

export interface MeshStateOptions {
  readonly records: Records;
  readonly nodeKey: Signer;
  readonly now: () => number;
  /** Called when another list than before holds. */
  readonly onRevocations: (mesh: ClaimedMesh) => void;
  /** Called when another operator set than before holds, or another certificate of this node. */
  readonly onOperators: (mesh: ClaimedMesh) => void;
  readonly onError: (error: unknown) => void;
}

/** The one record that says whose mesh this is: operators, this node's certificate, the newest revocation list. */
export class MeshState {
  readonly #options: MeshStateOptions;
  readonly #stored: JsonRecords<StoredMesh>;
  #claimed: ClaimedMesh | undefined;
  #revoked: ReadonlySet<string> = new Set();
  #revision = 0;
  #taking: Promise<void> = Promise.resolve();

  constructor(options: MeshStateOptions) {
    this.#options = options;
    this.#stored = new JsonRecords(options.records, storedSchema);
  }

  /** Reads the record and follows its changes. Throws `registry_key_mismatch` when it certifies another node key. */
  async open(signal: AbortSignal): Promise<void> {
    const found = await this.#stored.get(keys.meshState);
    if (found !== undefined) await this.#take(found.value, found.revision);
    await this.#options.records.watch(prefixes.mesh, (change) => this.#follow(change), { signal });
  }

  /** Undefined while nobody has claimed the mesh. */
  get claimed(): ClaimedMesh | undefined {
    return this.#claimed;
  }

  /** Throws `not_admitted` while nobody has claimed the mesh. */
  require(): ClaimedMesh {
    if (this.#claimed !== undefined) return this.#claimed;
    throw new ParleyError("not_admitted", {
      message: "Nobody has claimed this mesh yet; open the one-time link that the registry printed.",
    });
  }

  isRevoked(member: string): boolean {
    return this.#revoked.has(member);
  }

  nodeInfo(): NodeInfo {
    const { nodeKey, now } = this.#options;
    const claimed = this.#claimed;
    const pins =
      claimed === undefined
        ? {}
        : { mesh: claimed.mesh, operators: [...claimed.operators.chain], certificate: claimed.certificate };
    return { node: nodeKey.id, key: nodeKey.publicKey, ...pins, time: now() };
  }

  /** Makes the mesh. One record decides who was first; the same claim again is `true` again, another one `already_claimed`. */
  async claim(statements: ClaimStatements): Promise<ClaimedMesh> {
    const { genesis, certificate, ...founder } = statements;
    const operators = await verifyOperators([genesis]);
    await this.#verifyCertificate(certificate, operators);
    const member = await verifyMember(founder, operators, this.#options.now());
    const isOperator = operators.keys.get(member.member) === member.rootKey;
    if (!isOperator || !member.roles.includes("operator") || !member.roles.includes("admin")) {
      throw new ParleyError("forbidden", {
        message: "The first member of a mesh is its operator, with the roles operator and admin.",
      });
    }
    const wanted: StoredMesh = { operators: [genesis], certificate, founder };
    const stored = await this.#stored.change(keys.meshState, (current) => (current === undefined ? wanted : undefined));
    if (stored?.value.operators[0] !== genesis) throw new ParleyError("already_claimed");
    await this.#take(stored.value, stored.revision);
    return this.require();
  }

  /** Puts the next revocation list in the place of the one before. The same list again changes nothing. */
  async publishRevocations(compact: string, isAdmitted: (member: string) => Promise<boolean>): Promise<void> {
    const { operators } = this.require();
    const list = await verifyByOperator("revocations", compact, operators);
    if (list.iat > this.#options.now() + limits.clockSkewMs) throw new ParleyError("clock_skew");
    for (const { member } of list.revoked) {
      if (operators.keys.has(member)) {
        throw new ParleyError("forbidden", {
          message: "An operator is taken out of the operator set before it is revoked.",
        });
      }
    }
    const stored = await this.#stored.change(keys.meshState, async (current) => {
      if (current === undefined || current.revocations === compact) return undefined;
      await this.#checkNext(list, current.revocations, operators, isAdmitted);
      return { ...current, revocations: compact };
    });
    if (stored !== undefined) await this.#take(stored.value, stored.revision);
  }

  /**
   * Puts the next operator set at the end of the chain. The same set again changes nothing. What the mesh lives by has to hold
   * under it: the node's certificate and the revocation list, signed by somebody who stays.
   */
  async publishOperators(compact: string): Promise<void> {
    const stored = await this.#stored.change(keys.meshState, async (current) => {
      if (current === undefined) throw new ParleyError("not_admitted");
      if (current.operators.at(-1) === compact) return undefined;
      const operators = [...current.operators, compact];
      await this.#checkOperators(operators, current);
      return { ...current, operators };
    });
    if (stored !== undefined) await this.#take(stored.value, stored.revision);
  }

  /** Takes another certificate of this node's key. */
  async certify(certificate: string): Promise<void> {
    const { operators } = this.require();
    await this.#verifyCertificate(certificate, operators);
    const stored = await this.#stored.change(keys.meshState, (current) =>
      current === undefined || current.certificate === certificate ? undefined : { ...current, certificate },
    );
    if (stored !== undefined) await this.#take(stored.value, stored.revision);
  }

  async #checkOperators(chain: readonly string[], { certificate, revocations }: StoredMesh): Promise<void> {
    if (chain.join("").length > limits.operatorChainBytes || chain.length > limits.operatorChain)
      throw new ParleyError("limit_reached", { message: "The operators of this mesh changed as often as they can." });
    const last = chain.at(-1) ?? "";
    if (peekStatement("operators", last).iat > this.#options.now() + limits.clockSkewMs)
      throw new ParleyError("clock_skew");
    const operators = await verifyOperators(chain);
    for (const member of operators.keys.keys()) if (this.isRevoked(member)) throw new ParleyError("revoked");
    await this.#verifyCertificate(certificate, operators).catch((cause: unknown) => {
      throw new ParleyError("conflict", {
        message: "The node's certificate is signed by an operator who would be one no more; certify the node first.",
        cause,
      });
    });
    if (revocations === undefined) return;
    await verifyByOperator("revocations", revocations, operators).catch((cause: unknown) => {
      throw new ParleyError("conflict", {
        message: "The revocation list is signed by an operator who would be one no more; sign the next one first.",
        cause,
      });
    });
  }

  async #checkNext(
    list: Statement<"revocations">,
    before: string | undefined,
    operators: OperatorSet,
    isAdmitted: (member: string) => Promise<boolean>,
  ): Promise<void> {
    const last = before === undefined ? undefined : await verifyByOperator("revocations", before, operators);
    const number = (last?.number ?? 0) + 1;
    if (list.number !== number) {
      throw new ParleyError("stale_statement", {
        message: `Revocation list ${list.number} was offered where list ${number} comes next.`,
      });
    }
    const named = new Set(list.revoked.map(({ member }) => member));
    for (const { member } of last?.revoked ?? []) {
      if (!named.has(member) && (await isAdmitted(member))) {
        throw new ParleyError("stale_statement", {
          message: "A revocation list left out a member that is revoked and whose admission still runs.",
        });
      }
    }
  }

  async #verifyCertificate(certificate: string, operators: OperatorSet): Promise<void> {
    const { exp } = await this.#certified(certificate, operators);
    if (exp <= this.#options.now()) throw certificateExpired();
  }

  /** What a certificate of this node's key says, be it that it has run out. */
  async #certified(certificate: string, operators: OperatorSet): Promise<Statement<"node">> {
    const { nodeKey } = this.#options;
    const node = await verifyByOperator("node", certificate, operators);
    if (node.node !== nodeKey.id || node.key !== nodeKey.publicKey) {
      throw new ParleyError("registry_key_mismatch", {
        message: "The mesh's certificate names another node key than this registry holds; restore its key file.",
      });
    }
    return node;
  }

  #follow(change: RecordChange): void {
    if (change.key !== keys.meshState || change.revision <= this.#revision) return;
    const stored = this.#stored.decode(change.value);
    if (stored !== undefined) this.#take(stored, change.revision).catch(this.#options.onError);
  }

  /** Verifies one state after the other, whoever wrote it; the newest revision holds. */
  #take(stored: StoredMesh, revision: number): Promise<void> {
    const taken = this.#taking.then(async () => {
      if (revision <= this.#revision) return;
      const operators = await verifyOperators(stored.operators);
      const { exp } = await this.#certified(stored.certificate, operators);
      // Only operators' devices come in then, to renew it.
      if (this.#claimed === undefined && exp <= this.#options.now()) this.#options.onError(certificateExpired());
      const { revocations: compact, certificate, founder } = stored;
      const revocations =
        compact === undefined
          ? undefined
          : { compact, list: await verifyByOperator("revocations", compact, operators) };
      const before = this.#claimed?.revocations?.compact;
      const held = this.#claimed;
      this.#claimed = { mesh: operators.mesh, operators, certificate, founder, revocations };
      this.#revoked = new Set(revocations?.list.revoked.map(({ member }) => member));
      this.#revision = revision;
      if (held !== undefined && (held.operators.number !== operators.number || held.certificate !== certificate))
        this.#options.onOperators(this.#claimed);
      if (compact !== before) this.#options.onRevocations(this.#claimed);
    });
    this.#taking = taken.catch(() => undefined);
    return taken;
  }
}

const certificateExpired = (): ParleyError =>
  new ParleyError("expired", {
    message: "The node's certificate has expired; an operator has to renew it with `parley operator certify`.",
  });
