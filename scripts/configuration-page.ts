import { commandTable, type SettingRow, settingTable } from "../packages/cli/src/index.ts";

const cell = (text: string): string => text.replaceAll("|", "\\|");

function valuesOf(row: SettingRow): string {
  if (row.choices !== undefined)
    return row.choices.map((choice) => `\`${choice}\``).join(row.kind === "list" ? " and " : " or ");
  if (row.kind === "integer") return `${row.least ?? 0} to ${row.most ?? ""}`;
  const kinds: Readonly<Record<string, string>> = {
    text: "text",
    path: "a folder; relative to the working folder, or to the file that names it",
    file: "a file; relative as a folder is",
    url: "an address without a path",
    duration: "a time: `500ms`, `90s`, `10m`, `1h`, `7d`; a number alone is seconds",
    flag: "`true` or `false`",
    list: "one or more, separated by commas",
    ports: "a range",
  };
  return kinds[row.kind] ?? row.kind;
}

const defaultOf = (row: SettingRow): string =>
  row.defaultMeans ?? (row.default === undefined ? "none" : `\`${row.default}\``);

function commandsOf(name: string): string {
  if (name === "home" || name === "json") return "every command";
  const paths = commandTable
    .filter(({ settings }) => settings?.some((setting) => setting === name))
    .map(({ path }) => `\`${path.join(" ")}\``);
  return paths.length === 0 ? "no flag" : paths.join(", ");
}

/** docs/configuration.md, made from the tables of settings and commands. */
export function configurationPage(): string {
  const rows = Object.entries<SettingRow>(settingTable).map(([name, row]) => {
    const variable = `PARLEY_${name.replaceAll("-", "_").toUpperCase()}`;
    const flag = row.secret === true ? "no flag, so that no other process reads it" : commandsOf(name);
    return `| \`${name}\` | \`${variable}\` | ${cell(row.means)} | ${cell(valuesOf(row))} | ${cell(defaultOf(row))} | ${flag} |`;
  });
  return [
    "# Configuration",
    "",
    "<!-- Generated from packages/cli/src/setting-table.ts; `npm run tidy:update` writes it anew. -->",
    "",
    "Each setting has one name: the flag `--name`, the variable `PARLEY_NAME` and the key `name` of `parley.yaml`. They count in that",
    "order; `parley.yaml` is read from the working folder first, then from the home folder. A name that is not in the table is an",
    "error, in the file as in the environment, with the nearest known name. `parley config show` prints each value and its origin.",
    "",
    "| Name | Variable | Sets | Values | Default | Flag of |",
    "|---|---|---|---|---|---|",
    ...rows,
    "",
    "A `parley.yaml`:",
    "",
    "```yaml",
    "registry: https://mesh.example.org",
    "path: [direct, turn]",
    "time-limit: 10m",
    "```",
    "",
    "What an agent is and does stands in its `agent.yaml`, not here. `NO_COLOR` set to anything turns colours off.",
    "",
  ].join("\n");
}
