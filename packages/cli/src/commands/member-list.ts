import type { Asks } from "@parley/protocol";

import { dayOf } from "../admission-life.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { formatDuration } from "../duration.ts";
import { findAll } from "../member-pages.ts";
import { devicesOf, memberJson, standingOf } from "../member-table.ts";
import { type OpenDevice, withDevice } from "../open-device.ts";
import { scopeText } from "../scope-option.ts";

export const run: CommandModule["run"] = async (context) =>
  withDevice(context, (opened) =>
    context.input.switch("pending") ? listPending(context, opened) : listMembers(context, opened),
  );

async function listPending({ out }: CommandContext, { operator }: OpenDevice): Promise<0> {
  const pending = await operator.pending();
  out.result({ pending }, () => {
    if (pending.length === 0) return out.line("Nobody waits for approval.");
    const now = Date.now();
    out.table(
      ["NAME", "KIND", "DEVICE", "FROM", "INVITE", "WAITS", "REQUEST", "SIX WORDS"],
      pending.map(({ name, kind, label, address, inviteLabel, since, pairing, words }) => [
        `@${name}`,
        kind,
        label,
        address,
        inviteLabel ?? "",
        formatDuration(Math.max(0, now - since)),
        pairing,
        words,
      ]),
    );
    for (const { name, asks } of pending) if (asks !== undefined) out.line(`@${name} asks for ${asksText(asks)}`);
    out.note("Compare the words with those the asking side shows, then: parley member approve <name>");
  });
  return 0;
}

async function listMembers({ out }: CommandContext, { device, trust: trustNow }: OpenDevice): Promise<0> {
  const [members, trust] = [await findAll(device, {}, out), await trustNow()];
  out.result({ members: members.map((member) => memberJson(member, trust)) }, () => {
    out.table(
      ["NAME", "KIND", "ROLES", "LIMITED TO", "PRESENCE", "DEVICES", "ADMITTED UNTIL", "ID"],
      members.map((member) => [
        `@${member.name}`,
        member.kind,
        member.roles.join(","),
        scopeText(member.verified.scope),
        standingOf(member, trust),
        devicesOf(member),
        dayOf(member.verified.admissionExpires),
        member.member,
      ]),
    );
  });
  return 0;
}

/** What somebody would like to have, in its own words too: nobody vouches for them. */
function asksText({ roles, scope, text, recovers }: Asks): string {
  const parts = [
    ...(recovers === true ? ["its name back, because its key is lost: approve it with --replaces"] : []),
    ...(roles === undefined || roles.length === 0 ? [] : [roles.join(", ")]),
    ...(scope === undefined ? [] : [scopeText(scope)]),
    ...(text === undefined ? [] : [`“${text}”`]),
  ].filter((part) => part !== "");
  return parts.length === 0 ? "nothing in particular" : parts.join("; ");
}
