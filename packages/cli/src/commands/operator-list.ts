import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";
import { nameOf } from "../operator-view.ts";

export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ operator }) => {
    const { out } = context;
    const operators = await operator.operators.list();
    out.result({ operators }, () =>
      out.table(
        ["NAME", "MAY CHANGE OPERATORS", "ID"],
        operators.map((one) => [
          `${nameOf(one)}${one.self ? " (you)" : ""}`,
          one.admin ? "yes (admin)" : "no",
          one.member,
        ]),
      ),
    );
    return 0;
  });
