import { peekStatement } from "@parley/core";
import { limits, ParleyError } from "@parley/protocol";

import { parseSkills, readChain } from "../chain-file.ts";
import type { CommandModule } from "../command.ts";
import { formatDuration } from "../duration.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input, out, signal } = context;
  const to = input.argument("member");
  const typed = input.text("skills");
  if (typed === undefined)
    throw new ParleyError("invalid_argument", {
      message: "--skills says what may be called, for example search,read*.",
    });
  const skills = parseSkills("skills", typed);
  const lifeMs = input.duration("for", limits.delegationLifeMs);
  const file = input.text("chain");
  const before = file === undefined ? undefined : await readChain(file, signal);
  return withDevice(context, async ({ device }) => {
    const terms = { skills, ...(lifeMs === undefined ? {} : { lifeMs }) };
    const chain = await device.delegations.give(to, terms, before);
    const { id, to: member, exp: expires } = peekStatement("delegation", chain.at(-1) ?? "");
    out.result({ id, to: member, skills, expires, chain }, () => {
      for (const compact of chain) out.line(compact);
    });
    out.note(
      `${id}: ${to} may call ${skills.join(", ")} for ${formatDuration(expires - Date.now())}; hand the lines over, and take it back with \`parley delegation withdraw\`.`,
    );
    return 0;
  });
};
