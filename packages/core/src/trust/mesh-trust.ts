/**
 * What a device holds to be true about its mesh: the pinned operator set, the newest orders of the operators, and for each
 * member ever verified the numbers below which nothing is accepted again. A registry can withhold or delay, never
 * mint, swap, alter or roll back: every refusal here has its own code.
 */
import { foldName, limits, type MemberRecord, type OrderType, ParleyError, type Statement } from "@parley/protocol";
import { z } from "zod";

import type { Policy } from "../policy/policy.ts";
import type { Restrictions } from "../policy/restrictions.ts";
import { idOfKey, sha256 } from "./keys.ts";
import { verifyMember, type VerifiedMember } from "./member.ts";
import { admittedBy, type OperatorSet, verifyByOperator, verifyOperators } from "./operators.ts";
import { type CompactOrders, type OrderNumbers, Orders } from "./orders.ts";
import { peekStatement, verifyStatement } from "./statement.ts";

const numbersSchema = z.object({
  rotation: z.int(),
  admission: z.int(),
  devices: z.int(),
  card: z.int(),
  // Pins of earlier versions lack it.
  withdrawals: z.int().default(0),
  /** The root key after that many rotations, where there was one: a chain that forks off earlier is refused. */
  root: z.string().optional(),
});

const pinsSchema = z.object({
  mesh: z.string(),
  operators: z.array(z.string()),
  revocations: z.string().optional(),
  policy: z.string().optional(),
  restrictions: z.string().optional(),
  /** Newest protocol version agreed on in this mesh. */
  version: z.int(),
  members: z.record(z.string(), numbersSchema),
  names: z.record(z.string(), z.string()),
});
/** The pins as they are kept between starts. */
export type MeshPins = z.infer<typeof pinsSchema>;

export interface MeshTrustOptions {
  readonly now: () => number;
  /** Called after a change of the pins; the keeper writes them down. */
  readonly onChange?: (pins: MeshPins) => void;
}

export class MeshTrust {
  #operators: OperatorSet;
  readonly #orders = new Orders();
  #version: number;
  readonly #members: Map<string, z.infer<typeof numbersSchema>>;
  readonly #names: Map<string, string>;
  readonly #verified = new Map<string, { hash: string; member: VerifiedMember }>();
  readonly #options: MeshTrustOptions;

  private constructor(operators: OperatorSet, pins: MeshPins | undefined, options: MeshTrustOptions) {
    this.#operators = operators;
    this.#version = pins?.version ?? 0;
    this.#members = new Map(Object.entries(pins?.members ?? {}));
    this.#names = new Map(Object.entries(pins?.names ?? {}));
    this.#options = options;
  }

  /** Pins a mesh for the first time. `expected` is what the invite link says; without it the words must be compared. */
  static async pin(
    chain: readonly string[],
    expected: { mesh: string; number?: number; hash?: string } | undefined,
    options: MeshTrustOptions,
  ): Promise<MeshTrust> {
    const operators = await verifyOperators(chain);
    if (expected !== undefined) {
      if (operators.mesh !== expected.mesh)
        throw new ParleyError("registry_key_mismatch", {
          message: "The registry serves another mesh than the invite names.",
        });
      const { number = 1, hash } = expected;
      const known = operators.number >= number && (hash === undefined || (await hashAt(operators, number)) === hash);
      if (!known)
        throw new ParleyError("stale_statement", {
          message: "The registry's operator set is older than, or other than, the one in the invite.",
        });
    }
    return new MeshTrust(operators, undefined, options);
  }

  /** Restores the pins of an earlier start. Throws `invalid_config` when they are damaged. */
  static async restore(stored: unknown, options: MeshTrustOptions): Promise<MeshTrust> {
    const parsed = pinsSchema.safeParse(stored);
    if (!parsed.success) throw damaged(parsed.error);
    try {
      const operators = await verifyOperators(parsed.data.operators);
      if (operators.mesh !== parsed.data.mesh) throw new ParleyError("wrong_mesh");
      const trust = new MeshTrust(operators, parsed.data, options);
      const { revocations, policy, restrictions } = parsed.data;
      trust.#orders.restore(
        {
          ...(revocations === undefined ? {} : { revocations }),
          ...(policy === undefined ? {} : { policy }),
          ...(restrictions === undefined ? {} : { restrictions }),
        },
        parsed.data.mesh,
      );
      return trust;
    } catch (cause) {
      throw damaged(cause);
    }
  }

  get mesh(): string {
    return this.#operators.mesh;
  }

  get operators(): OperatorSet {
    return this.#operators;
  }

  /** The newest orders as compact statements, for passing on. */
  get orders(): CompactOrders {
    return this.#orders.compact;
  }

  get orderNumbers(): OrderNumbers {
    return this.#orders.numbers;
  }

  get revocationList(): Statement<"revocations"> | undefined {
    return this.#orders.revocations;
  }

  get policy(): Policy {
    return this.#orders.policy;
  }

  get restrictions(): Restrictions {
    return this.#orders.restrictions;
  }

  get pins(): MeshPins {
    return {
      mesh: this.mesh,
      operators: [...this.#operators.chain],
      ...this.#orders.compact,
      version: this.#version,
      members: Object.fromEntries(this.#members),
      names: Object.fromEntries(this.#names),
    };
  }

  /** Whether who signed an admission, or granted it, is an operator now. Says nothing of the signature. */
  isVouched(admission: string): boolean {
    return this.#operators.keys.has(admittedBy(admission));
  }

  /** The number of the newest admission of a member that was seen; 0 for a member that was not. */
  admissionNumber(member: string): number {
    return this.#members.get(member)?.admission ?? 0;
  }

  isRevoked(member: string): boolean {
    return this.#orders.isRevoked(member);
  }

  /** Refuses a protocol version older than one agreed on before. */
  checkVersion(version: number): void {
    if (version < this.#version) throw new ParleyError("version_downgrade");
  }

  /** Pins a version that was agreed on with a node that has proven itself. */
  acceptVersion(version: number): void {
    this.checkVersion(version);
    if (version === this.#version) return;
    this.#version = version;
    this.#changed();
  }

  /** Takes a newer operator set; an older or forked one is `stale_statement`. */
  async acceptOperators(chain: readonly string[]): Promise<void> {
    const held = this.#operators;
    if (chain.length === held.chain.length && chain.every((compact, index) => compact === held.chain[index])) return;
    const offered = await verifyOperators(chain);
    if (offered.mesh !== this.mesh) throw new ParleyError("registry_key_mismatch");
    const follows = offered.number >= held.number && (await hashAt(offered, held.number)) === held.hash;
    // Another one may have come by another way meanwhile: this one is judged by that.
    if (this.#operators !== held) return this.acceptOperators(chain);
    if (!follows)
      throw new ParleyError("stale_statement", {
        message: "An operator set was offered that is older than, or forks from, the pinned one.",
      });
    this.#operators = offered;
    this.#verified.clear();
    this.#changed();
  }

  /** Takes a newer order. True when it is news; an older one is `stale_statement`. */
  async acceptOrder(type: OrderType, compact: string): Promise<boolean> {
    const isNews = await this.#orders.accept(type, compact, this.#operators);
    if (isNews) this.#changed();
    return isNews;
  }

  /** Verifies a node's key certificate and returns the key. `isExpiredFine` is for whoever comes to renew it. */
  async verifyNode(
    certificate: string,
    { isExpiredFine = false }: { readonly isExpiredFine?: boolean } = {},
  ): Promise<{ node: string; key: string }> {
    const { node, key, exp } = await verifyByOperator("node", certificate, this.#operators).catch((cause: unknown) => {
      throw new ParleyError("registry_key_mismatch", { cause });
    });
    if ((await idOfKey("node", key)) !== node)
      throw new ParleyError("registry_key_mismatch", { message: "A node's id is not the hash of its key." });
    if (exp <= this.#options.now() && !isExpiredFine)
      throw new ParleyError("registry_key_mismatch", {
        message: "The registry node's certificate has expired; an operator has to renew it.",
      });
    return { node, key };
  }

  /** Verifies that a node of this mesh leased membership to this device, and that the lease still runs. */
  async verifyLease(
    compact: string,
    nodeKey: string,
    expected: { member: string; device: string },
  ): Promise<{ expires: number }> {
    const lease = await verifyStatement("lease", compact, nodeKey);
    if (lease.mesh !== this.mesh) throw new ParleyError("wrong_mesh");
    if (lease.member !== expected.member || lease.device !== expected.device)
      throw new ParleyError("bad_signature", { message: "A lease belongs to another device." });
    if (lease.exp + limits.clockSkewMs <= this.#options.now()) throw new ParleyError("lease_expired");
    return { expires: lease.exp };
  }

  /**
   * Verifies a member's record, refuses whatever is older than what was seen before, and remembers it. `expect` names
   * who was asked for. Throws `revoked`, `stale_statement`, `name_mismatch`, `name_changed` or what verification finds.
   */
  async acceptMember(record: MemberRecord, expect: { name?: string; member?: string } = {}): Promise<VerifiedMember> {
    const member = await this.#verify(record);
    if (expect.member !== undefined && expect.member !== member.member)
      throw new ParleyError("name_mismatch", {
        message: "The directory answered with another member than the one asked for.",
      });
    if (expect.name !== undefined && expect.name !== member.name) {
      throw new ParleyError("name_mismatch", {
        message: `The directory answered with @${member.name} when asked for @${expect.name}.`,
      });
    }
    if (this.isRevoked(member.member))
      throw new ParleyError("revoked", { message: `@${member.name} was revoked by an operator.` });
    this.#refuseOlder(member);
    this.#bindName(member);
    return member;
  }

  async #verify(record: MemberRecord): Promise<VerifiedMember> {
    const hash = await sha256(JSON.stringify(record));
    const known = this.#verified.get(record.root);
    if (known?.hash === hash && known.member.admissionExpires > this.#options.now()) return known.member;
    const member = await verifyMember(record, this.#operators, this.#options.now());
    if (this.#verified.size >= limits.members) this.#verified.delete(this.#verified.keys().next().value ?? "");
    this.#verified.set(record.root, { hash, member });
    return member;
  }

  #refuseOlder(member: VerifiedMember): void {
    const seen = this.#members.get(member.member);
    // What the root key before signed is worth nothing under the next one, so none is no step back, and the next may have any number.
    const isNext = member.numbers.rotation > (seen?.rotation ?? 0);
    const isVoid = { card: member.card === undefined, withdrawals: member.numbers.withdrawals === 0 };
    for (const what of ["rotation", "admission", "devices", "card", "withdrawals"] as const) {
      const isExcused = (what === "card" || what === "withdrawals") && isNext && isVoid[what];
      const least = isExcused ? 0 : (seen?.[what] ?? 0);
      if (member.numbers[what] < least) {
        throw new ParleyError("stale_statement", {
          message: `The ${what} statement of @${member.name} has number ${member.numbers[what]}; number ${least} was seen before.`,
        });
      }
    }
    if (seen?.root !== undefined && rootKeyAfter(member.record, seen.rotation) !== seen.root) {
      throw new ParleyError("stale_statement", {
        message: `The root keys of @${member.name} fork from those seen before: somebody signed with one that was replaced.`,
      });
    }
    if (
      seen !== undefined &&
      Object.entries(member.numbers).every(([what, number]) => seen[what as keyof typeof seen] === number)
    )
      return;
    if (seen === undefined && this.#members.size >= limits.members)
      throw new ParleyError("limit_reached", { message: "This device remembers as many members as it can." });
    const { rootKey: root, numbers } = member;
    this.#members.set(member.member, numbers.rotation === 0 ? { ...numbers } : { ...numbers, root });
    this.#changed();
  }

  #bindName(member: VerifiedMember): void {
    const key = foldName(member.name);
    const holder = this.#names.get(key);
    if (holder === member.member) return;
    if (holder !== undefined && member.replaces !== holder && !this.isRevoked(holder)) {
      throw new ParleyError("name_changed", {
        message: `@${member.name} was another member before; compare keys with its owner.`,
      });
    }
    this.#names.set(key, member.member);
    this.#changed();
  }

  #changed(): void {
    this.#options.onChange?.(this.pins);
  }
}

const damaged = (cause: unknown): ParleyError =>
  new ParleyError("invalid_config", { message: "The pinned mesh in this home folder is damaged; pair again.", cause });

/** Hash of the set with this number in a verified chain. */
async function hashAt(operators: OperatorSet, number: number): Promise<string | undefined> {
  const compact = operators.chain[number - 1];
  return compact === undefined ? undefined : sha256(compact);
}

/** The root key after so many rotations of a verified record; undefined when it has fewer. */
function rootKeyAfter(record: MemberRecord, rotations: number): string | undefined {
  const compact = record.rotations[rotations - 1];
  return compact === undefined ? undefined : peekStatement("rotation", compact).key;
}
