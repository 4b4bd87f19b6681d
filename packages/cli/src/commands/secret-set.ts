import { ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { readInput } from "../read-input.ts";
import { askSecret, isInteractive } from "../terminal.ts";

/** Sets a secret that the other side made, or a phrase that both know. Never from an argument, which other processes could read. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out, signal } = context;
  const who = input.argument("member");
  const typed = isInteractive() ? await askSecret("Secret or phrase: ", signal) : await readInput(signal);
  const secret = typed.trim();
  if (secret === "") throw new ParleyError("invalid_argument", { message: "No secret was given." });
  return withDevice(context, async ({ device }) => {
    const kind = await device.conversations.setSecret(who, secret);
    out.result({ secret: kind }, () => {
      out.line(kind === "random" ? "set" : "set, from a phrase");
    });
    if (kind === "weak-phrase")
      out.note(
        "The phrase is weak: it could be guessed. Better is parley secret new, or six words and more by chance.",
      );
    return 0;
  });
};
