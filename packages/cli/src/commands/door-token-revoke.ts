import type { CommandModule } from "../command.ts";
import { doorTokensOf } from "../door/door-folder.ts";

export const run: CommandModule["run"] = async ({ input, settings, out }) => {
  const id = input.argument("token");
  await (await doorTokensOf(settings.get("data"))).revoke(id);
  out.result({ revoked: id }, () => out.line(`The door token ${id} is revoked.`));
  return 0;
};
