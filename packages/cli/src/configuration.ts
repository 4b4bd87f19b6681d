/** Where each setting's value comes from: flag, then `PARLEY_*` variable, then parley.yaml here, then in the home, then default. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { findHomePath, type HomePath } from "@parley/client/node";
import { ParleyError } from "@parley/protocol";
import { parseDocument } from "yaml";

import { suggestion } from "./nearest-name.ts";
import {
  type SettingName,
  settingNames,
  type SettingRow,
  settingTable,
  type SettingValue,
  variableOf,
} from "./setting-table.ts";
import { readSetting } from "./setting-value.ts";

export interface ConfigurationSources {
  /** Flags as they were given, by setting. */
  readonly flags: ReadonlyMap<SettingName, string>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The home directory of whoever runs this. */
  readonly homeDirectory: string;
}

export interface ConfiguredSetting {
  readonly name: SettingName;
  /** Undefined when nothing is set and there is no default. */
  readonly value: unknown;
  /** `flag`, `PARLEY_PORT`, a file's path, or `default`. */
  readonly origin: string;
}

const fileName = "parley.yaml";
const mostFileCharacters = 64 * 1024;

export class Configuration {
  readonly home: HomePath;
  readonly #settings: ReadonlyMap<SettingName, ConfiguredSetting>;

  private constructor(home: HomePath, settings: ReadonlyMap<SettingName, ConfiguredSetting>) {
    this.home = home;
    this.#settings = settings;
  }

  /** Reads all sources. Throws `invalid_config` for an unknown name or a value that is not valid, naming the place. */
  static read(sources: ConfigurationSources): Configuration {
    checkVariables(sources.environment);
    const here = readSettingsFile(join(sources.cwd, fileName));
    const given = findSetting("home", sources, [here]);
    const home = findHomePath({
      given: given?.value as string | undefined,
      cwd: sources.cwd,
      homeDirectory: sources.homeDirectory,
    });
    const inHome = readSettingsFile(join(home.path, fileName));
    const settings = new Map(
      settingNames.map((name) => [name, findSetting(name, sources, [here, inHome]) ?? defaultOf(name, sources)]),
    );
    return new Configuration(home, settings);
  }

  get<Name extends SettingName>(name: Name): SettingValue<Name> {
    return this.#settings.get(name)?.value as SettingValue<Name>;
  }

  /** Whether somebody set it. */
  isSet(name: SettingName): boolean {
    return this.#settings.get(name)?.origin !== "default";
  }

  all(): readonly ConfiguredSetting[] {
    return [...this.#settings.values()];
  }
}

interface SettingsFile {
  readonly path: string;
  readonly folder: string;
  readonly values: ReadonlyMap<string, string>;
}

function checkVariables(environment: ConfigurationSources["environment"]): void {
  const known = settingNames.map(variableOf);
  for (const variable of Object.keys(environment)) {
    if (variable.startsWith("PARLEY_") && !known.includes(variable)) {
      throw new ParleyError("invalid_config", {
        message: `The variable ${variable} is not a setting${suggestion(variable, known)}; see docs/configuration.md.`,
      });
    }
  }
}

function findSetting(
  name: SettingName,
  sources: ConfigurationSources,
  files: readonly (SettingsFile | undefined)[],
): ConfiguredSetting | undefined {
  const row: SettingRow = settingTable[name];
  const flag = sources.flags.get(name);
  if (flag !== undefined) return { name, value: readSetting(row, flag, `--${name}`, sources.cwd), origin: "flag" };
  const variable = variableOf(name);
  const text = sources.environment[variable];
  if (text !== undefined) return { name, value: readSetting(row, text, variable, sources.cwd), origin: variable };
  for (const file of files) {
    const value = file?.values.get(name);
    if (file !== undefined && value !== undefined)
      return { name, value: readSetting(row, value, `${name} in ${file.path}`, file.folder), origin: file.path };
  }
  return undefined;
}

function defaultOf(name: SettingName, sources: ConfigurationSources): ConfiguredSetting {
  const row: SettingRow = settingTable[name];
  return {
    name,
    value: row.default === undefined ? undefined : readSetting(row, row.default, name, sources.cwd),
    origin: "default",
  };
}

function readSettingsFile(path: string): SettingsFile | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw new ParleyError("invalid_config", { message: `${path} cannot be read; check its rights.`, cause: error });
  }
  return { path, folder: join(path, ".."), values: parseSettings(path, text) };
}

function parseSettings(path: string, text: string): ReadonlyMap<string, string> {
  if (text.length > mostFileCharacters)
    throw new ParleyError("invalid_config", { message: `${path} is larger than ${mostFileCharacters} characters.` });
  const document = parseDocument(text, { prettyErrors: true });
  const [problem] = document.errors;
  if (problem !== undefined)
    throw new ParleyError("invalid_config", {
      message: `${path}:${problem.linePos?.[0].line ?? 1}: not YAML: ${problem.message.split("\n")[0] ?? ""}`,
    });
  const content: unknown = document.toJS({ maxAliasCount: 0 });
  if (content === null || content === undefined) return new Map();
  if (typeof content !== "object" || Array.isArray(content))
    throw new ParleyError("invalid_config", { message: `${path} must hold settings, one \`name: value\` per line.` });
  return new Map(Object.entries(content).map(([key, value]) => [checkKey(path, key), textOf(path, key, value)]));
}

function checkKey(path: string, key: string): string {
  if ((settingNames as readonly string[]).includes(key)) return key;
  throw new ParleyError("invalid_config", {
    message: `${path}: ${key} is not a setting${suggestion(key, settingNames)}; see docs/configuration.md.`,
  });
}

function textOf(path: string, key: string, value: unknown): string {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return String(value);
  if (Array.isArray(value) && value.every((entry) => typeof entry === "string")) return value.join(",");
  throw new ParleyError("invalid_config", {
    message: `${path}: ${key} must be a text, a number, true or false, or a list of texts.`,
  });
}
