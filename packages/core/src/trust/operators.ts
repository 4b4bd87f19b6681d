/** The operator set of a mesh: the root of all trust, followed from the genesis by its chain. */
import { limits, type ListedOperator, ParleyError, type Role, type Statement } from "@parley/protocol";

import { operatorsDigest, verifyApproval } from "./approval.ts";
import { verifyGranted } from "./grant.ts";
import { idOfKey, sha256 } from "./keys.ts";
import { peekStatement, verifyStatement } from "./statement.ts";

export interface OperatorSet {
  readonly mesh: string;
  /** 1 for the genesis, one more for each change. */
  readonly number: number;
  /** SHA-256 of the statement that made this set. */
  readonly hash: string;
  /** Root keys of the operators by member id. */
  readonly keys: ReadonlyMap<string, string>;
  /** Those of them that may change the set. */
  readonly admins: ReadonlySet<string>;
  /** Genesis first. */
  readonly chain: readonly string[];
}

/** From so many operators on, one of them alone does not change the set. */
const quorumFrom = 3;

/** How many operators of a set have to agree to another one: more than half, once there are three. */
export const operatorQuorum = (set: Pick<OperatorSet, "keys">): number =>
  set.keys.size < quorumFrom ? 1 : Math.floor(set.keys.size / 2) + 1;

/** Of the roles of an admission those that count: the ones of an operator belong to members of the operator set. */
export function effectiveRoles(
  member: string,
  roles: readonly Role[],
  { keys, admins }: Pick<OperatorSet, "keys" | "admins">,
): readonly Role[] {
  return roles.filter((role) => {
    if (role === "admin") return admins.has(member);
    return role !== "operator" || keys.has(member);
  });
}

function membersOf(list: readonly ListedOperator[]): Pick<OperatorSet, "keys" | "admins"> {
  const keys = new Map(list.map(({ member, key }) => [member, key]));
  if (keys.size !== list.length)
    throw new ParleyError("bad_signature", { message: "An operator set names a member twice." });
  const admins = new Set(list.flatMap(({ member, admin }) => (admin === true ? [member] : [])));
  if (admins.size === 0)
    throw new ParleyError("bad_signature", { message: "An operator set has nobody who may change it." });
  return { keys, admins };
}

async function verifyGenesis(compact: string): Promise<OperatorSet> {
  const claimed = peekStatement("genesis", compact);
  const first = claimed.operators[0];
  if (first === undefined || (await idOfKey("member", first.key)) !== first.member) {
    throw new ParleyError("bad_signature", {
      message: "The genesis names an operator whose id is not the hash of its key.",
    });
  }
  await verifyStatement("genesis", compact, first.key);
  const mesh = await sha256(compact);
  const founder = claimed.operators.map((operator) => ({ ...operator, admin: true as const }));
  return { mesh, number: 1, hash: mesh, ...membersOf(founder), chain: [compact] };
}

async function verifyStep(before: OperatorSet, compact: string): Promise<OperatorSet> {
  const { signer } = peekStatement("operators", compact);
  const key = before.keys.get(signer);
  if (key === undefined)
    throw new ParleyError("bad_signature", { message: "An operator set is signed by somebody who was no operator." });
  const set = await verifyStatement("operators", compact, key);
  if (set.mesh !== before.mesh) throw new ParleyError("wrong_mesh");
  if (!before.admins.has(signer))
    throw new ParleyError("bad_signature", { message: "An operator set is signed by an operator without `admin`." });
  if (set.number !== before.number + 1 || set.previous !== before.hash) {
    throw new ParleyError("stale_statement", { message: "An operator set does not follow the one before it." });
  }
  await checkQuorum(set, signer, before);
  return {
    mesh: before.mesh,
    number: set.number,
    hash: await sha256(compact),
    ...membersOf(set.operators),
    chain: [...before.chain, compact],
  };
}

/**
 * Counts the operators before who agree, each once: the one who signed the set, and those whose approvals of this very set it
 * carries, good when it was signed. One approval that does not hold spoils the set. Throws `needs_quorum`.
 */
async function checkQuorum(set: Statement<"operators">, signer: string, before: OperatorSet): Promise<void> {
  const agreed = new Set([signer]);
  const digest = await operatorsDigest(set);
  for (const compact of set.approvals ?? []) {
    const { by } = peekStatement("approval", compact);
    const key = before.keys.get(by);
    if (key === undefined)
      throw new ParleyError("bad_signature", { message: "A set was approved by somebody who was no operator." });
    await verifyApproval(compact, digest, { mesh: before.mesh, by, key }, set.iat);
    agreed.add(by);
  }
  const needed = operatorQuorum(before);
  if (agreed.size < needed)
    throw new ParleyError("needs_quorum", {
      message: `${agreed.size} of the ${before.keys.size} operators agree to this set; ${needed} have to.`,
    });
}

/** Follows a chain from its genesis. Throws a coded error at the first step that does not hold. */
export async function verifyOperators(chain: readonly string[]): Promise<OperatorSet> {
  const [newest] = await verifyOperatorSets(chain);
  return newest;
}

/** The same, with every set that there was: the newest first. */
export async function verifyOperatorSets(chain: readonly string[]): Promise<readonly [OperatorSet, ...OperatorSet[]]> {
  const [genesis, ...steps] = chain;
  if (genesis === undefined || chain.length > limits.operatorChain)
    throw new ParleyError("bad_signature", { message: "The chain of operator sets is empty or too long." });
  let sets: readonly [OperatorSet, ...OperatorSet[]] = [await verifyGenesis(genesis)];
  for (const step of steps) sets = [await verifyStep(sets[0], step), ...sets];
  return sets;
}

/** Two chains of one mesh, where each may have grown further than the other. Throws `registry_key_mismatch` where they part. */
export function requireSameChain(found: readonly string[], pinned: readonly string[]): void {
  const shared = Math.min(found.length, pinned.length);
  for (let index = 0; index < shared; index++)
    if (found[index] !== pinned[index])
      throw new ParleyError("registry_key_mismatch", {
        message: "The operator sets are not those that are pinned here.",
      });
}

type OperatorStatement = "admission" | "revocations" | "policy" | "restrictions" | "node" | "grant";

/**
 * Verifies a statement that must come from a current operator: signed by its root key, or for an admission by the invite key that
 * an operator granted so much to.
 */
export async function verifyByOperator<Type extends OperatorStatement>(
  type: Type,
  compact: string,
  operators: OperatorSet,
): Promise<Statement<Type> & { readonly signer: string }> {
  const claimed = peekStatement(type, compact);
  const grant = grantOf(claimed);
  if (grant !== undefined) {
    const granted = await verifyGranted(compact, await verifyByOperator("grant", grant, operators));
    if (granted.mesh !== operators.mesh) throw new ParleyError("wrong_mesh");
    return granted as unknown as Statement<Type> & { readonly signer: string };
  }
  const key = operators.keys.get(claimed.signer);
  if (key === undefined)
    throw new ParleyError("bad_signature", {
      message: `A ${type} statement is not signed by an operator of this mesh.`,
    });
  const payload = await verifyStatement(type, compact, key);
  if (payload.mesh !== operators.mesh) throw new ParleyError("wrong_mesh");
  return { ...payload, signer: claimed.signer };
}

/** The operator by whose word somebody is a member: who signed the admission, or the grant that it is under. Not verified. */
export function admittedBy(admission: string): string {
  const claimed = peekStatement("admission", admission);
  return claimed.grant === undefined ? claimed.signer : peekStatement("grant", claimed.grant).signer;
}

const grantOf = (claimed: object): string | undefined =>
  "grant" in claimed && typeof claimed.grant === "string" ? claimed.grant : undefined;
