import { ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { whileNotHeld } from "../held-home.ts";
import { givenPassphrase } from "../home-unlock.ts";
import { openHome } from "../open-device.ts";
import { askPassphrase } from "../terminal.ts";

/** The keys of this home under a passphrase or in the keyring. Again, it changes the passphrase. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out, settings, signal } = context;
  const byKeyring = input.switch("keyring");
  if (byKeyring === input.switch("passphrase"))
    throw new ParleyError("invalid_argument", { message: "Say --passphrase or --keyring." });
  const home = await openHome(context);
  await whileNotHeld(home, async () => {
    const before = await home.vault.protection();
    // Opens what is protected already, so that the two questions do not come in the wrong order.
    if ((await home.identityFile()) === undefined)
      throw new ParleyError("not_found", { message: `The home folder ${home.path} holds no member yet.` });
    if (byKeyring) return home.vault.protect("keyring");
    // What opened the keys until now is not the new passphrase.
    const given = before === "passphrase" ? undefined : await givenPassphrase(settings);
    await home.vault.protect({ passphrase: given ?? (await askPassphrase(signal, true)) });
  });
  const protection = byKeyring ? "keyring" : "passphrase";
  out.result({ protection, home: home.path }, () => {
    out.line(`The private keys in ${home.path} are protected by the ${protection} now.`);
    out.note(
      "Messages and files there are not: protect the disk for those. Backups from before hold the keys in the clear.",
    );
  });
  return 0;
};
