import { resolve } from "node:path";

import { createPrivateFile, fileError, sealIdentity } from "@parley/client/node";
import { ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { givenPassphrase } from "../home-unlock.ts";
import { openHome } from "../open-device.ts";
import { askPassphrase } from "../terminal.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input, out, settings, cwd, signal } = context;
  const home = await openHome(context);
  const [identity, mesh] = await Promise.all([home.identityFile(), home.meshFile()]);
  if (identity === undefined)
    throw new ParleyError("not_found", { message: `The home folder ${home.path} holds no member yet.` });
  const path = resolve(cwd, input.argument("file"));
  const passphrase = (await givenPassphrase(settings)) ?? (await askPassphrase(signal, true));
  const text = await sealIdentity({ identity, ...(mesh === undefined ? {} : { mesh }) }, passphrase);
  await writeNew(path, text);
  out.result({ exported: identity.name, file: path }, () =>
    out.line(
      `The keys of @${identity.name} are in ${path}, sealed with the passphrase. Whoever has both is @${identity.name}.`,
    ),
  );
  return 0;
};

async function writeNew(path: string, text: string): Promise<void> {
  const file = await createPrivateFile(path);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    throw fileError(path, error);
  } finally {
    await file.close();
  }
}
