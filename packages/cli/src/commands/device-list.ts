import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

/** This member's devices, as its signed list names them. */
export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ devices }) => {
    const { out } = context;
    const listed = await devices.list();
    const rows = listed.map(({ presence, ...device }) => ({ ...device, presence: presence?.state ?? "offline" }));
    out.result({ devices: rows }, () =>
      out.table(
        ["LABEL", "SINCE", "PRESENCE", "KEY", "DEVICE"],
        rows.map(({ label, since, presence, sealed, self, device }) => [
          `${label}${self ? " (this one)" : ""}`,
          new Date(since).toISOString().slice(0, 10),
          presence,
          sealed ? "sealed to it" : "missing",
          device,
        ]),
      ),
    );
    return 0;
  });
