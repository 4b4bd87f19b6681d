import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { formatDuration } from "../duration.ts";
import { findAll } from "../member-pages.ts";
import { devicesOf, memberJson, standingOf } from "../member-table.ts";
import { type OpenDevice, withDevice } from "../open-device.ts";

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
      ["NAME", "KIND", "DEVICE", "FROM", "WAITS", "REQUEST", "SIX WORDS"],
      pending.map(({ name, kind, label, address, since, pairing, words }) => [
        `@${name}`,
        kind,
        label,
        address,
        formatDuration(Math.max(0, now - since)),
        pairing,
        words,
      ]),
    );
    out.note("Compare the words with those the asking side shows, then: parley member approve <name>");
  });
  return 0;
}

async function listMembers({ out }: CommandContext, { device, trust: trustNow }: OpenDevice): Promise<0> {
  const [members, trust] = [await findAll(device, {}, out), await trustNow()];
  out.result({ members: members.map((member) => memberJson(member, trust)) }, () => {
    out.table(
      ["NAME", "KIND", "ROLES", "PRESENCE", "DEVICES", "ADMITTED UNTIL", "ID"],
      members.map((member) => [
        `@${member.name}`,
        member.kind,
        member.roles.join(","),
        standingOf(member, trust),
        devicesOf(member),
        new Date(member.verified.admissionExpires).toISOString().slice(0, 10),
        member.member,
      ]),
    );
  });
  return 0;
}
