import { peekStatement } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { openHome } from "../open-device.ts";

/** What this home holds, without connecting. Prints no private key. */
export const run: CommandModule["run"] = async (context) => {
  const { out } = context;
  const home = await openHome(context);
  const [draft, file, protection] = await Promise.all([home.draft(), home.meshFile(), home.vault.protection()]);
  if (draft === undefined)
    throw new ParleyError("not_found", {
      message: `The home folder ${home.path} holds no member yet; run \`parley pair\` with an invite.`,
    });
  const admission = file?.admission === undefined ? undefined : peekStatement("admission", file.admission);
  const mesh =
    file === undefined
      ? undefined
      : {
          id: (await home.pins()).trust.mesh,
          registry: file.registry,
          state: file.state,
          roles: admission?.roles ?? [],
          admittedUntil: admission?.exp,
        };
  const { name, kind, member, device, label } = draft;
  out.result(
    { name, kind, member, device: device.id, label, root: draft.root !== undefined, protection, home: home.path, mesh },
    () => {
      const rows: [string, string][] = [
        ["name", `@${name}`],
        ["kind", kind],
        ["member", member],
        ["device", `${device.id} (${label})`],
        ["root key", draft.root === undefined ? "on another device" : "in this home folder"],
        [
          "keys",
          protection === "none" ? "in the clear, for their owner alone" : `protected by the ${protection ?? ""}`,
        ],
        ["home", home.path],
      ];
      if (mesh !== undefined) {
        rows.push(["mesh", mesh.id], ["registry", mesh.registry], ["state", mesh.state]);
        if (admission !== undefined)
          rows.push(
            ["roles", admission.roles.join(", ")],
            ["admitted until", new Date(admission.exp).toISOString().slice(0, 10)],
          );
      }
      for (const [key, value] of rows) out.line(`${key.padEnd(15)} ${value}`);
    },
  );
  return 0;
};
