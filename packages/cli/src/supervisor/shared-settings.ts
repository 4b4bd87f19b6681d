/** What was set for the supervisor and holds for each of its agents, as variables: secrets stay off the command line. */
import type { Configuration } from "../configuration.ts";
import { type SettingName, type SettingRow, settingTable, variableOf } from "../setting-table.ts";

const sharedNames: readonly SettingName[] = [
  "log",
  "strangers",
  "read-receipts",
  "redact",
  "link-address",
  "link-ports",
  "link-interfaces",
  "link-policy",
  "ice-servers",
  "ice-username",
  "ice-credential",
  "passphrase",
  "passphrase-file",
];

export function sharedSettings(settings: Configuration): Readonly<Record<string, string>> {
  const given = sharedNames.flatMap((name) => {
    const value: unknown = settings.isSet(name) ? settings.get(name) : undefined;
    return value === undefined ? [] : [[variableOf(name), textOf(settingTable[name], value)] as const];
  });
  return Object.fromEntries(given);
}

/** As the variable would be written. */
function textOf({ kind }: SettingRow, value: unknown): string {
  return Array.isArray(value) ? value.join(kind === "ports" ? "-" : ",") : String(value);
}
