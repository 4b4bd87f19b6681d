/** Delegations: who acts for whom, for which skills, until when. Each link of a chain may only narrow the one before. */
import { limits, ParleyError, type Statement } from "@parley/protocol";

import { fitsPattern } from "../policy/subject-matcher.ts";
import { idOfKey } from "./keys.ts";
import type { VerifiedMember } from "./member.ts";
import { peekStatement, verifyStatement } from "./statement.ts";

export interface DelegationLink extends Statement<"delegation"> {
  /** The member that delegates, verified. */
  readonly by: VerifiedMember;
  /** Id of the device, or of the member for its root key, that signed it. */
  readonly signer: string;
}

/** A chain that holds. */
export interface DelegationChain {
  /** The principal's first. */
  readonly links: readonly DelegationLink[];
  /** For whom the caller acts. */
  readonly principal: VerifiedMember;
  /** A sub-agent that calls, if one does. */
  readonly sub: { readonly id: string; readonly label: string | undefined } | undefined;
}

export interface ChainContext {
  readonly mesh: string;
  /** The member whose device calls. */
  readonly caller: string;
  readonly callee: string;
  readonly skill: string;
  /** Id of the call's message, which a sub-agent's proof names. */
  readonly message: string;
  readonly acting: string | undefined;
  /** When the call came, milliseconds since 1970: a sub-agent signs each call at that time. Default: now. */
  readonly calledAt?: number | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** A member by its id, verified. Throws when it is not admitted, or revoked. */
  readonly memberOf: (member: string) => Promise<VerifiedMember>;
}

const bad = (message: string): ParleyError => new ParleyError("bad_delegation", { message });

/** Verifies a chain for one call. Throws `bad_delegation`, `delegation_withdrawn`, `wrong_mesh`, `bad_signature` or what `memberOf` throws. */
export async function verifyChain(chain: readonly string[], context: ChainContext): Promise<DelegationChain> {
  if (chain.length === 0 || chain.length > limits.delegationChain)
    throw bad("The chain of delegations is empty or too long.");
  const links: DelegationLink[] = [];
  for (const compact of chain) links.push(await verifyLink(compact, links.at(-1), context));
  const [first] = links;
  const last = links.at(-1);
  if (first === undefined || last === undefined) throw bad("The chain of delegations is empty.");
  if (last.key === undefined) {
    if (last.to !== context.caller) throw bad("The delegation is to another member than the one that calls.");
    return { links, principal: first.by, sub: undefined };
  }
  await verifyActing(last, last.key, context);
  return { links, principal: first.by, sub: { id: last.to, label: last.label } };
}

async function verifyLink(
  compact: string,
  before: DelegationLink | undefined,
  { mesh, skill, now, memberOf }: ChainContext,
): Promise<DelegationLink> {
  const { signer, from } = peekStatement("delegation", compact);
  const by = await memberOf(from);
  const key = signer === by.member ? by.rootKey : by.devices.get(signer)?.key;
  if (key === undefined) throw bad(`A delegation of @${by.name} is signed by no device of it.`);
  const link = await verifyStatement("delegation", compact, key);
  if (link.mesh !== mesh) throw new ParleyError("wrong_mesh");
  if (link.exp <= now || link.iat > now + limits.clockSkewMs) throw bad(`A delegation of @${by.name} has ended.`);
  if (link.exp - link.iat > limits.delegationLifeMs) throw bad(`A delegation of @${by.name} lasts too long.`);
  if (by.withdrawn.has(link.id))
    throw new ParleyError("delegation_withdrawn", { message: `@${by.name} took its delegation back.` });
  if (!fitsPattern(skill, link.skills)) throw bad(`The delegation of @${by.name} is not for ${skill}.`);
  if (before !== undefined) checkNarrows(before, link);
  return { ...link, by, signer };
}

/** A sub-agent delegates no further, and nobody passes on more than it has. */
function checkNarrows(before: Statement<"delegation">, link: Statement<"delegation">): void {
  if (before.key !== undefined || before.to !== link.from) throw bad("The delegations do not follow each other.");
  if (link.exp > before.exp) throw bad("A delegation lasts longer than the one before it.");
  if (!link.skills.every((pattern) => covers(before.skills, pattern)))
    throw bad("A delegation is for more skills than the one before it.");
}

/** Whether every skill that fits a pattern fits one of the others. */
function covers(patterns: readonly string[], pattern: string): boolean {
  const stem = pattern.endsWith("*") ? pattern.slice(0, -1) : pattern;
  return patterns.some((wider) => (wider.endsWith("*") ? stem.startsWith(wider.slice(0, -1)) : wider === pattern));
}

async function verifyActing(last: DelegationLink, key: string, context: ChainContext): Promise<void> {
  const { acting, caller, callee, message, mesh, now, calledAt = now } = context;
  if (last.from !== caller) throw bad("A sub-agent calls through the device of the member that made it.");
  if ((await idOfKey("device", key)) !== last.to) throw bad("A sub-agent's id is not the hash of its key.");
  if (acting === undefined) throw bad("The sub-agent did not sign the call.");
  const said = await verifyStatement("acting", acting, key);
  const isThis =
    said.mesh === mesh && said.delegation === last.id && said.callee === callee && said.message === message;
  if (!isThis || Math.abs(said.iat - calledAt) > limits.clockSkewMs) throw bad("The sub-agent signed another call.");
}

/** A new link that follows a chain, checked to narrow it. Throws `bad_delegation`. */
export function checkFollows(chain: readonly string[], next: Statement<"delegation">): void {
  const last = chain.at(-1);
  if (last === undefined) return;
  if (chain.length >= limits.delegationChain) throw bad("The chain of delegations is as long as it may be.");
  checkNarrows(peekStatement("delegation", last), next);
}
