import type { CommandModule } from "../command.ts";
import { doorTokensOf } from "../door/door-folder.ts";

/** Makes a door token. It is nowhere else from then on. */
export const run: CommandModule["run"] = async ({ input, settings, out }) => {
  const tokens = await doorTokensOf(settings.get("data"));
  const { token, record } = await tokens.create(input.argument("name"));
  const { id, name, created } = record;
  out.result({ id, name, created, token }, () => {
    out.line(token);
    out.note(`For ${name}: as the header "Authorization: Bearer …", or in IDENTIFY as "token". It is not shown again.`);
    out.note(`To end it: parley door-token revoke ${id}`);
  });
  return 0;
};
