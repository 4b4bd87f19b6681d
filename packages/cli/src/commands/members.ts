import type { CommandModule } from "../command.ts";
import { findAll } from "../member-pages.ts";
import { devicesOf, memberJson, presenceOf, skillsOf } from "../member-table.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ device }) => {
    const { out } = context;
    const members = await findAll(device, {}, out);
    out.result({ members: members.map(memberJson) }, () => {
      out.table(
        ["NAME", "KIND", "PRESENCE", "AVAILABILITY", "DEVICES", "ROLES", "SKILLS"],
        members.map((member) => [
          `@${member.name}${member.member === device.member ? " (you)" : ""}`,
          member.kind,
          presenceOf(member),
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
