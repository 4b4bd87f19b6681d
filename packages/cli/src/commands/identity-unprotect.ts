import type { CommandModule } from "../command.ts";
import { whileNotHeld } from "../held-home.ts";
import { openHome } from "../open-device.ts";

/** The keys of this home in the clear, in a file for its owner alone. */
export const run: CommandModule["run"] = async (context) => {
  const { out } = context;
  const home = await openHome(context);
  await whileNotHeld(home, () => home.vault.unprotect());
  out.result({ protection: "none", home: home.path }, () =>
    out.line(`The private keys in ${home.path} are not protected any more; only their owner may read the file.`),
  );
  return 0;
};
