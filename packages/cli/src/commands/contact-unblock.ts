import type { CommandModule } from "../command.ts";
import { deciding } from "../contact-view.ts";

export const run: CommandModule["run"] = deciding("unblock");
