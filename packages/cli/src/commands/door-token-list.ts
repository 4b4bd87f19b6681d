import type { CommandModule } from "../command.ts";
import { doorTokensOf } from "../door/door-folder.ts";

const timeOf = (time: number | undefined): string => (time === undefined ? "never" : new Date(time).toISOString());

export const run: CommandModule["run"] = async ({ settings, out }) => {
  const tokens = await (await doorTokensOf(settings.get("data"))).list();
  const shown = tokens.map(({ id, name, created, lastUsed, revoked }) => ({ id, name, created, lastUsed, revoked }));
  out.result({ tokens: shown }, () => {
    if (shown.length === 0) return out.line("There are no door tokens.");
    out.table(
      ["ID", "NAME", "MADE", "LAST USED", "STATE"],
      shown.map(({ id, name, created, lastUsed, revoked }) => [
        id,
        name,
        timeOf(created),
        timeOf(lastUsed),
        revoked === undefined ? "valid" : `revoked ${timeOf(revoked)}`,
      ]),
    );
  });
  return 0;
};
