import type { SafetyWords } from "@parley/client";
import { errorTable, visible } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

const wordsPerLine = 4;

/** Prints the words to compare with a member; `--confirm` says that they were the same. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const who = input.argument("member");
  return withDevice(context, async ({ device }) => {
    const { conversations } = device;
    if (input.switch("confirm")) await conversations.verify(who);
    const safety = await conversations.words(who);
    out.result(safety, () => print(context, safety, device.name));
    return safety.trust === "changed" ? errorTable.key_changed.exit : 0;
  });
};

function print({ out }: CommandContext, { name, words, trust }: SafetyWords, own: string): void {
  const shown = `@${visible(name)}`;
  if (trust === "verified") {
    out.line(`The words with ${shown} were compared: the key is the one of its owner.`);
  } else if (trust === "changed") {
    out.line(out.style("red", `The key behind ${shown} is another one than before.`));
    out.line("Either its owner made a new one, as after a lost device, or somebody else took the name.");
    out.line(
      "Nothing is sent to it until you have asked the owner, by voice or in person, and the words are the same.",
    );
  } else {
    out.line(`Compare these words with ${shown}, by voice or in person:`);
  }
  out.line();
  for (let index = 0; index < words.length; index += wordsPerLine)
    out.line(`  ${words.slice(index, index + wordsPerLine).join("  ")}`);
  if (trust === "verified") return;
  out.line();
  out.line(`The other side sees the same with: parley verify @${own}`);
  out.line(`If they are the same, all twelve in this order: parley verify ${shown} --confirm`);
  out.line("If one is not, somebody stands between you: do not confirm.");
}
