/** Whom a text calls: `@name`, `@role:x` for one member with a role or tag, `@all:x` for all of them. */
import { labelSchema, limits, type Mention, parseName } from "@parley/protocol";

import type { MemberView } from "../../member-view.ts";

/** A call as it stands in a text. */
export type Call =
  | { readonly type: "name"; readonly name: string }
  | { readonly type: "role"; readonly role: string }
  | { readonly type: "all"; readonly role: string };

/** Who can be called. */
export interface Crowd {
  /** The member with a name, if it is in the channel. */
  readonly byName: (name: string) => Promise<string | undefined>;
  /** Members of the channel with a role or tag, the own one left out. */
  readonly withRole: (role: string) => Promise<readonly MemberView[]>;
}

/** An address of another kind, such as that of a mail, calls nobody. */
const callPattern = /(?<![\p{L}\p{N}_.@/-])@(?:(role|all):)?([\p{L}\p{N}][\p{L}\p{N}._-]*)/gu;
const endOfSentence = /[._-]+$/;

/** The calls in a text, each once, in order, at most `limits.mentions`. A name at the end of a sentence is read with and without its dot. */
export function callsIn(text: string): readonly Call[] {
  const calls = new Map<string, Call>();
  for (const [, how, word = ""] of text.matchAll(callPattern)) {
    if (calls.size >= limits.mentions) break;
    const bare = word.replace(endOfSentence, "");
    if (how === "role" || how === "all") {
      if (labelSchema.safeParse(bare).success) calls.set(`${how}:${bare}`, { type: how, role: bare });
      continue;
    }
    const name = parseName(bare);
    if (name !== undefined) calls.set(`@${name}`, { type: "name", name });
  }
  return [...calls.values()];
}

/** Turns the calls of a text into mentions, after those that are given. What calls nobody is only text. */
export async function mentionsOf(text: string, given: readonly Mention[], crowd: Crowd): Promise<readonly Mention[]> {
  const mentions: Mention[] = [...given];
  for (const call of callsIn(text)) {
    if (mentions.length >= limits.mentions) break;
    const mention = await mentionOf(call, crowd);
    if (mention !== undefined && !mentions.some((other) => isSame(other, mention))) mentions.push(mention);
  }
  return mentions;
}

async function mentionOf(call: Call, crowd: Crowd): Promise<Mention | undefined> {
  if (call.type === "name") {
    const member = await crowd.byName(call.name);
    return member === undefined ? undefined : { member };
  }
  if (call.type === "all") return { all: call.role };
  const [first] = (await crowd.withRole(call.role)).toSorted(byReadiness);
  return first === undefined ? undefined : { member: first.member, role: call.role };
}

const isSame = (one: Mention, other: Mention): boolean =>
  "all" in one ? "all" in other && one.all === other.all : "member" in other && one.member === other.member;

/** Those who are here before those who are not, the least loaded first. */
function byReadiness(one: MemberView, other: MemberView): number {
  return Number(other.live) - Number(one.live) || loadOf(one) - loadOf(other);
}

const loadOf = ({ devices }: MemberView): number =>
  Math.min(1, ...devices.filter(({ state }) => state === "connected").map(({ load }) => load));

/** By what a member can be called besides its name: its roles, and the tags of its skills. */
export function callingsOf({ roles, card }: Pick<MemberView, "roles" | "card">): ReadonlySet<string> {
  return new Set([...roles, ...(card?.skills.flatMap(({ tags }) => tags) ?? [])]);
}
