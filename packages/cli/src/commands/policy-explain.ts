import { Policy, type PolicyMember } from "@parley/core";
import { isParleyError, memberKindSchema, ParleyError, roleSchema } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { ifConnected, openHome } from "../open-device.ts";
import { answerLines, answerOf, assumedMember, traceLines } from "../policy/policy-answer.ts";
import { policyAsked } from "../policy/policy-asked.ts";
import { loadPolicy } from "../policy/policy-file.ts";

type Found = ReadonlyMap<string, PolicyMember>;

/** May somebody do something, and which rule says so. Ends with 4 when not. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const asked = policyAsked(input.argument("who"), input.argument("action"), input.optionalArgument("object"));
  const assumed = assumptions(context);
  const given = input.text("file");
  const file = given === undefined ? undefined : await loadPolicy(context, given);
  const names = [asked.who, ...(asked.to === undefined ? [] : [asked.to])];
  const met = await meet(context, names, file !== undefined);
  const policy = file === undefined ? (met.policy ?? new Policy()) : new Policy(file.document);
  const memberOf = (name: string, who: boolean): PolicyMember => {
    const known = met.found.get(name);
    if (known !== undefined && !(who && assumed.given)) return known;
    const like = who ? assumed : { roles: ["member" as const], kind: "agent" as const };
    out.note(
      `@${name} counts as ${like.kind} with the role ${like.roles.join(", ")}: ${known === undefined ? "nobody by that name could be looked up" : "you said so"}.`,
    );
    return assumedMember(name, like);
  };
  const question = {
    action: asked.action,
    who: memberOf(asked.who, true),
    ...(asked.to === undefined ? {} : { to: memberOf(asked.to, false) }),
    ...(asked.skill === undefined ? {} : { skill: asked.skill }),
    ...(asked.channel === undefined ? {} : { channel: asked.channel }),
  };
  const answer = answerOf(policy, question);
  const source = file?.path ?? (policy.number === 0 ? "the built-in policy" : `policy ${policy.number}`);
  out.result({ ...answer, source }, () => {
    for (const line of answerLines(question, answer)) out.line(line);
    out.line();
    out.line(out.style("dim", `Every rule of ${source}:`));
    for (const line of traceLines(answer)) out.line(line);
  });
  return answer.allowed ? 0 : 4;
};

/** Members by name as far as they can be looked up, and the policy that holds. */
async function meet(
  context: CommandContext,
  names: readonly string[],
  isOffline: boolean,
): Promise<{ readonly found: Found; readonly policy: Policy | undefined }> {
  const nobody = { found: new Map<string, PolicyMember>(), policy: undefined };
  try {
    const asked = await ifConnected(context, async ({ device, trust }) => {
      const found = new Map<string, PolicyMember>();
      for (const name of names) {
        const view = await device.memberOf(`@${name}`).catch(() => undefined);
        if (view !== undefined) found.set(name, view.verified);
      }
      return { found, policy: (await trust()).policy };
    });
    if (asked !== undefined) return asked;
    const { trust } = await (await openHome(context)).mesh();
    return { ...nobody, policy: trust.policy };
  } catch (error) {
    // Whoever asks of a file needs no mesh.
    if (isOffline && isParleyError(error) && error.code === "not_admitted") return nobody;
    throw error;
  }
}

function assumptions({ input }: CommandContext): Pick<PolicyMember, "roles" | "kind"> & { readonly given: boolean } {
  const [role, kind] = [input.text("role"), input.text("kind")];
  const roles = roleSchema.safeParse(role ?? "member");
  const kinds = memberKindSchema.safeParse(kind ?? "agent");
  if (!roles.success)
    throw new ParleyError("invalid_argument", {
      message: "--role must be one of operator, admin, member, guest, observer.",
    });
  if (!kinds.success) throw new ParleyError("invalid_argument", { message: "--kind must be agent or person." });
  return { roles: [roles.data], kind: kinds.data, given: role !== undefined || kind !== undefined };
}
