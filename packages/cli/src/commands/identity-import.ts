import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

import { fileError, openIdentity } from "@parley/client/node";
import { ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { givenPassphrase } from "../home-unlock.ts";
import { openHome } from "../open-device.ts";
import { askPassphrase } from "../terminal.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input, out, settings, cwd, signal } = context;
  const home = await openHome(context);
  if (await home.holdsMember())
    throw new ParleyError("already_exists", {
      message: `The home folder ${home.path} holds a member already; nothing was overwritten. Use another one with --home.`,
    });
  const path = resolve(cwd, input.argument("file"));
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    throw fileError(path, error);
  });
  const passphrase = (await givenPassphrase(settings)) ?? (await askPassphrase(signal, false));
  const { identity, mesh } = await openIdentity(text, passphrase);
  if (mesh !== undefined) await home.saveMeshFile(mesh);
  await home.saveIdentityFile(identity);
  out.result({ imported: identity.name, member: identity.member, home: home.path }, () => {
    out.line(`@${identity.name} is in ${home.path} now.`);
    out.note("It is the same device as before: stop the old one, for two cannot be connected at once.");
  });
  return 0;
};
