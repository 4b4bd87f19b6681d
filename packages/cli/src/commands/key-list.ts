import type { CommandModule } from "../command.ts";
import { formatDuration } from "../duration.ts";
import { withDevice } from "../open-device.ts";

export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ device }) => {
    const { out } = context;
    const { keys } = await device.request("key.list", {});
    out.result({ keys }, () => {
      if (keys.length === 0) return out.line("There are no API keys.");
      const now = Date.now();
      out.table(
        ["KEY", "NAME", "SCOPES", "FROM", "EXPIRES IN", "LAST USED"],
        keys.map(({ key, name, scopes, addresses, expires, used }) => [
          key,
          name,
          scopes.join(","),
          addresses?.join(",") ?? "anywhere",
          formatDuration(Math.max(0, expires - now)),
          used === undefined ? "never" : new Date(used).toISOString(),
        ]),
      );
    });
    return 0;
  });
