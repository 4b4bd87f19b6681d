import type { CommandModule } from "../command.ts";
import { findAll } from "../member-pages.ts";
import { devicesOf, memberJson, skillsOf, standingOf } from "../member-table.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ device, trust: trustNow }) => {
    const { out } = context;
    const [members, trust] = [await findAll(device, {}, out), await trustNow()];
    out.result({ members: members.map((member) => memberJson(member, trust)) }, () => {
      out.table(
        ["NAME", "KIND", "PRESENCE", "AVAILABILITY", "DEVICES", "ROLES", "SKILLS"],
        members.map((member) => [
          `@${member.name}${member.member === device.member ? " (you)" : ""}`,
          member.kind,
          standingOf(member, trust),
          member.availability ?? "",
          devicesOf(member),
          member.roles.join(","),
          skillsOf(member)
            .map(({ id }) => id)
            .join(", "),
        ]),
      );
    });
    return 0;
  });
