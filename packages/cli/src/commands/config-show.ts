import type { CommandModule } from "../command.ts";
import { type SettingRow, settingTable } from "../setting-table.ts";

/** Each setting, its value and its origin; secrets are not shown. */
export const run: CommandModule["run"] = async ({ settings, out }) => {
  const rows = settings.all().map(({ name, value, origin }) => {
    const row: SettingRow = settingTable[name];
    return {
      name,
      value:
        name === "home" ? settings.home.path : row.secret === true && value !== undefined ? "(set)" : (value ?? null),
      origin: name === "home" && origin === "default" ? `default (${settings.home.from})` : origin,
    };
  });
  out.result({ settings: rows }, () => {
    const textOf = (value: unknown): string =>
      value === null
        ? "-"
        : Array.isArray(value)
          ? value.join(",")
          : typeof value === "string"
            ? value
            : JSON.stringify(value);
    out.table(
      ["SETTING", "VALUE", "FROM"],
      rows.map(({ name, value, origin }) => [name, textOf(value), origin]),
    );
  });
  return 0;
};
