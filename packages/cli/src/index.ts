/** The tables of the command: for the documents made from them, and for tests. The executable is `main.ts`. */
export type { CommandArgument, CommandModule, CommandOption, CommandRow } from "./command.ts";
export { commandTable } from "./commands.ts";
export { type SettingRow, settingTable } from "./setting-table.ts";
