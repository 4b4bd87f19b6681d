import type { CreatedInvite, Operator } from "@parley/client";
import { limits, memberKindSchema, ParleyError, parseName } from "@parley/protocol";

import { longestAdmissionMs } from "../admission-life.ts";
import type { CommandContext, CommandInput } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { formatDuration } from "../duration.ts";
import { withDevice } from "../open-device.ts";
import { roleOf } from "../role-option.ts";
import { scopeOf } from "../scope-option.ts";

/** Options that say as what a pre-approved link lets in. */
const approvedOptions = ["role", "skills", "channels", "name", "kind", "member-life"] as const;

/** Opens an invite and prints what to hand over. */
export const run: CommandModule["run"] = async (context) => {
  const { input } = context;
  if (input.switch("code") && input.switch("link"))
    throw new ParleyError("invalid_argument", {
      message: "An invite is a code or a link; give one of --code and --link.",
    });
  const isApproved = input.switch("approved");
  const kind = input.switch("code") ? "code" : "link";
  if (isApproved && kind === "code")
    throw new ParleyError("invalid_argument", {
      message: "A code is useless without an operator's approval; --approved goes with a link.",
    });
  const given = approvedOptions.find((name) => input.text(name) !== undefined);
  if (!isApproved && given !== undefined)
    throw new ParleyError("invalid_argument", {
      message: `--${given} goes with --approved; for other invites it is said when the member is approved.`,
    });
  const request = isApproved ? undefined : ({ kind, ...commonOf(input, kind) } as const);
  return withDevice(context, async ({ operator }) => {
    const created = await (request === undefined
      ? operator.createApprovedInvite(approvedOf(input))
      : operator.createInvite(request));
    show(context, created, isApproved);
    return 0;
  });
};

function commonOf(input: CommandInput, kind: "code" | "link") {
  const uses = input.integer("uses", 1, limits.inviteUses);
  const lifeMs = input.duration("life", kind === "code" ? limits.codeLifeMs : limits.inviteLifeMs);
  const label = input.text("label");
  return {
    ...(uses === undefined ? {} : { uses }),
    ...(lifeMs === undefined ? {} : { lifeMs }),
    ...(label === undefined ? {} : { label }),
  };
}

function approvedOf(input: CommandInput): Parameters<Operator["createApprovedInvite"]>[0] {
  const kind = input.text("kind");
  const memberKind = kind === undefined ? undefined : memberKindSchema.safeParse(kind);
  if (memberKind?.success === false)
    throw new ParleyError("invalid_argument", { message: "--kind must be agent or person." });
  const named = input.text("name");
  const name = named === undefined ? undefined : parseName(named);
  if (named !== undefined && name === undefined) throw new ParleyError("invalid_name");
  const scope = scopeOf(input);
  const memberLifeMs = input.duration("member-life", longestAdmissionMs);
  return {
    ...commonOf(input, "link"),
    roles: [roleOf(input.text("role") ?? "member")],
    ...(memberKind === undefined ? {} : { memberKind: memberKind.data }),
    ...(name === undefined ? {} : { name }),
    ...(scope === undefined ? {} : { scope }),
    ...(memberLifeMs === undefined ? {} : { memberLifeMs }),
  };
}

function show({ out }: CommandContext, { invite, text }: CreatedInvite, isApproved: boolean): void {
  out.result({ ...invite, text }, () => {
    out.line(text);
    const life = formatDuration(invite.expires - invite.created);
    const run = invite.kind === "link" ? "'<the link>'" : `${text} --registry <address>`;
    out.note(
      `for ${invite.uses === 1 ? "one member" : `${invite.uses} members`}, within ${life}. They run: parley pair ${run}`,
    );
    out.note(
      isApproved
        ? `Whoever has it comes in as ${invite.approved?.roles.join(", ") ?? ""} without a further word: hand it over as you would a password.`
        : "Then: parley member list --pending, and parley member approve <name>",
    );
  });
}
