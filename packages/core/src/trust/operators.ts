/** The operator set of a mesh: the root of all trust, followed from the genesis by its chain. */
import { limits, ParleyError, type Statement } from "@parley/protocol";

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
  /** Genesis first. */
  readonly chain: readonly string[];
}

async function operatorKeys(list: readonly { member: string; key: string }[]): Promise<Map<string, string>> {
  const keys = new Map<string, string>();
  for (const { member, key } of list) keys.set(member, key);
  if (keys.size !== list.length)
    throw new ParleyError("bad_signature", { message: "An operator set names a member twice." });
  return keys;
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
  return { mesh, number: 1, hash: mesh, keys: await operatorKeys(claimed.operators), chain: [compact] };
}

async function verifyStep(before: OperatorSet, compact: string): Promise<OperatorSet> {
  const { signer } = peekStatement("operators", compact);
  const key = before.keys.get(signer);
  if (key === undefined)
    throw new ParleyError("bad_signature", { message: "An operator set is signed by somebody who was no operator." });
  const set = await verifyStatement("operators", compact, key);
  if (set.mesh !== before.mesh) throw new ParleyError("wrong_mesh");
  if (set.number !== before.number + 1 || set.previous !== before.hash) {
    throw new ParleyError("stale_statement", { message: "An operator set does not follow the one before it." });
  }
  return {
    mesh: before.mesh,
    number: set.number,
    hash: await sha256(compact),
    keys: await operatorKeys(set.operators),
    chain: [...before.chain, compact],
  };
}

/** Follows a chain from its genesis. Throws a coded error at the first step that does not hold. */
export async function verifyOperators(chain: readonly string[]): Promise<OperatorSet> {
  const [genesis, ...steps] = chain;
  if (genesis === undefined || chain.length > limits.operatorChain)
    throw new ParleyError("bad_signature", { message: "The chain of operator sets is empty or too long." });
  let set = await verifyGenesis(genesis);
  for (const step of steps) set = await verifyStep(set, step);
  return set;
}

/** Verifies a statement that must come from a current operator. */
export async function verifyByOperator<Type extends "admission" | "revocations" | "policy" | "restrictions" | "node">(
  type: Type,
  compact: string,
  operators: OperatorSet,
): Promise<Statement<Type> & { readonly signer: string }> {
  const { signer } = peekStatement(type, compact);
  const key = operators.keys.get(signer);
  if (key === undefined)
    throw new ParleyError("bad_signature", {
      message: `A ${type} statement is not signed by an operator of this mesh.`,
    });
  const payload = await verifyStatement(type, compact, key);
  if (payload.mesh !== operators.mesh) throw new ParleyError("wrong_mesh");
  return { ...payload, signer };
}
