/** `@a call @b/deploy` and its like, as words of a command line. */
import {
  ParleyError,
  parseChannelName,
  parseName,
  type PolicyAction,
  policyActions,
  skillIdSchema,
} from "@parley/protocol";

export interface PolicyAsked {
  readonly action: PolicyAction;
  /** Names without `@`. */
  readonly who: string;
  readonly to: string | undefined;
  readonly skill: string | undefined;
  /** Without `#`. */
  readonly channel: string | undefined;
}

const like =
  "Ask like `@a call @b/skill`, `@a call @b`, `@a message @b`, `@a see @b`, `@a approve @b/skill`, `@a post '#channel'` or `@a invite`.";

/** Throws `invalid_argument` for what is no such question. */
export function policyAsked(who: string, action: string, object: string | undefined): PolicyAsked {
  const subject = nameIn(who);
  const known = policyActions.find((each) => each === action);
  if (known === undefined) throw wrong(`"${action}" is none of ${policyActions.join(", ")}.`);
  const nothing = { action: known, who: subject, to: undefined, skill: undefined, channel: undefined };
  if (known === "invite") {
    if (object !== undefined) throw wrong("Nobody is named after invite.");
    return nothing;
  }
  if (known === "post") {
    const channel = object === undefined ? undefined : parseChannelName(object);
    if (channel === undefined) throw wrong("After post comes a channel.");
    return { ...nothing, channel };
  }
  if (object === undefined) {
    if (known === "approve") return nothing;
    throw wrong(`After ${known} comes a member.`);
  }
  const slash = object.indexOf("/");
  const skill = slash < 0 ? undefined : object.slice(slash + 1);
  if (skill !== undefined && (!takesSkill(known) || !skillIdSchema.safeParse(skill).success))
    throw wrong(takesSkill(known) ? `"${skill}" is no skill's id.` : `A skill is of no use with ${known}.`);
  return { ...nothing, to: nameIn(slash < 0 ? object : object.slice(0, slash)), skill };
}

const takesSkill = (action: PolicyAction): boolean => action === "call" || action === "approve";

function nameIn(text: string): string {
  const name = parseName(text);
  if (name === undefined) throw wrong(`"${text}" is no name.`);
  return name;
}

const wrong = (what: string): ParleyError => new ParleyError("invalid_argument", { message: `${what} ${like}` });
