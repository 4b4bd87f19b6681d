import { limits, ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { formatDuration } from "../duration.ts";
import { withDevice } from "../open-device.ts";

const mostUses = 100;

/** Opens an invite and prints what to hand over. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  if (input.switch("code") && input.switch("link"))
    throw new ParleyError("invalid_argument", {
      message: "An invite is a code or a link; give one of --code and --link.",
    });
  const kind = input.switch("code") ? "code" : "link";
  const uses = input.integer("uses", 1, mostUses);
  const lifeMs = input.duration("life", kind === "code" ? limits.codeLifeMs : limits.inviteLifeMs);
  const label = input.text("label");
  const request = {
    kind,
    ...(uses === undefined ? {} : { uses }),
    ...(lifeMs === undefined ? {} : { lifeMs }),
    ...(label === undefined ? {} : { label }),
  } as const;
  return withDevice(context, async ({ operator }) => {
    const { invite, text } = await operator.createInvite(request);
    out.result({ ...invite, text }, () => {
      out.line(text);
      const life = formatDuration(invite.expires - invite.created);
      out.note(
        `for ${invite.uses === 1 ? "one member" : `${invite.uses} members`}, within ${life}. They run: parley pair ${kind === "link" ? "'<the link>'" : `${text} --registry <address>`}`,
      );
      out.note("Then: parley member list --pending, and parley member approve <name>");
    });
    return 0;
  });
};
