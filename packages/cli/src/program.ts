/** The table of commands as a commander program. Loads nothing of the product: help has to be fast. */
import { Command, CommanderError, Option } from "commander";

import type { OptionValue } from "./command-context.ts";
import type { CommandRow } from "./command.ts";
import { markDashedId, unmarkDashedIds } from "./dashed-id.ts";
import { commonSettings, type SettingName, type SettingRow, settingTable } from "./setting-table.ts";

/** A command as it was typed. */
export interface Invocation {
  readonly row: CommandRow;
  readonly arguments: ReadonlyMap<string, string>;
  readonly options: ReadonlyMap<string, OptionValue>;
  /** What was typed for a last argument that may be repeated, but for the first one. */
  readonly rest: readonly string[];
  readonly flags: ReadonlyMap<SettingName, string>;
}

/** What parsing came to: a command, or text to print, with the exit code. */
export type Parsed = { readonly invocation: Invocation } | { readonly text: string } | { readonly usage: string };

const groupSummaries: Readonly<Record<string, string>> = {
  channel: "Talk with several: make channels, come and go, invite, read",
  attention: "Say what may reach an agent's program",
  agreement: "Agree with others on work, and say how it went",
  delegation: "Let others act for you, and take that back",
  guard: "See what was held back from an agent, and let it go on",
  contact: "Say who may write: accept, block, and see who waits",
  message: "Change, take back and react to what was said",
  secret: "Protect a conversation with a secret that two members share",
  task: "Find tasks again: list, show, follow and cancel them, and prove what became of them",
  delivery: "Find messages, see what became of them, try again, forget",
  device: "Add, list and take away devices of this member",
  turn: "Configure a TURN server",
  audit: "Read and verify what the registry wrote down of what it was told to do",
  policy: "Say who may do what: show, check, publish and explain the mesh's policy",
  budget: "Say how much members may send and spend, and see what they used",
  key: "Let scripts ask the registry in this member's name",
  "door-token": "Let programs without a key come in through the plain door",
  approval: "Answer what waits for your yes, your no or your words",
  "approval standing": "See and end what is approved for calls to come",
  attachment: "Fetch what is attached to messages",
  invite: "Open, list and cancel invites",
  member: "Let members in, change and renew them, pause, mute, ban and revoke them",
  operator: "See and change who the operators are",
  identity: "Show, export and import this member's keys",
  scheduled: "See and forget what this device is to do later",
  lease: "Say what you work on, and see what others do",
  skill: "List and try the skills of an agent's files",
  service: "Have the machine run agents or a registry",
  config: "Show the settings and where they come from",
};

/** Refuses a table that names a command twice, or a command that is a group as well. */
export function checkTable(rows: readonly CommandRow[]): void {
  const names = rows.map((row) => row.path.join(" "));
  for (const name of names) {
    if (names.filter((other) => other === name).length > 1)
      throw new Error(`The command "${name}" is in the table twice.`);
    if (names.some((other) => other.startsWith(`${name} `)))
      throw new Error(`"${name}" is both a command and a group.`);
  }
}

function settingOption(name: SettingName): Option {
  const row: SettingRow = settingTable[name];
  const given = row.default === undefined || row.kind === "flag" ? row.defaultMeans : row.default;
  const tail = given === undefined ? "" : ` (default: ${given.replaceAll("`", "")})`;
  return new Option(
    row.kind === "flag" ? `--${name}` : `--${name} <${row.value ?? name}>`,
    `${row.means.replaceAll("`", "").replace(/\.$/, "")}${tail}`,
  );
}

function leafOf(row: CommandRow, onRun: (command: Command) => void): Command {
  const command = new Command(row.path.at(-1)).summary(row.summary).description(row.summary);
  for (const { name, means, optional, repeatable } of row.arguments ?? []) {
    const shown = repeatable === true ? `${name}...` : name;
    command.argument(optional === true ? `[${shown}]` : `<${shown}>`, means);
  }
  for (const { name, means, value, short, repeatable } of row.options ?? []) {
    const option = new Option(
      `${short === undefined ? "" : `-${short}, `}--${name}${value === undefined ? "" : ` <${value}>`}`,
      means,
    );
    command.addOption(repeatable === true ? option.argParser(collect) : option);
  }
  for (const name of row.settings ?? []) command.addOption(settingOption(name));
  command.addHelpText("after", `\nExamples:\n${row.examples.map((example) => `  ${example}`).join("\n")}\n`);
  return command.action(() => onRun(command));
}

const collect = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];

const camel = (name: string): string => name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** Commander keeps `--no-wait` as `wait: false`. */
function optionOf(values: Readonly<Record<string, unknown>>, name: string): OptionValue | undefined {
  if (name.startsWith("no-")) return values[camel(name.slice(3))] === false;
  const value = values[camel(name)];
  if (Array.isArray(value)) return value.map((one) => unmarkDashedIds(String(one)));
  if (typeof value === "string") return unmarkDashedIds(value);
  return typeof value === "boolean" ? value : undefined;
}

function invocationOf(row: CommandRow, command: Command): Invocation {
  const values = command.optsWithGlobals<Record<string, unknown>>();
  const args = new Map<string, string>();
  for (const [index, { name }] of (row.arguments ?? []).entries()) {
    const value = command.args[index];
    if (value !== undefined) args.set(name, unmarkDashedIds(value));
  }
  const options = new Map<string, OptionValue>();
  for (const { name } of row.options ?? []) {
    const value = optionOf(values, name);
    if (value !== undefined) options.set(name, value);
  }
  const flags = new Map<SettingName, string>();
  for (const name of [...commonSettings, ...(row.settings ?? [])]) {
    const value = values[camel(name)];
    if (typeof value === "string" || typeof value === "boolean") flags.set(name, unmarkDashedIds(String(value)));
  }
  return { row, arguments: args, options, rest: command.args.slice(args.size).map(unmarkDashedIds), flags };
}

/** Parses a command line against the table. */
export function parseCommandLine(rows: readonly CommandRow[], argv: readonly string[], version: string): Parsed {
  checkTable(rows);
  let text = "";
  let problem = "";
  let invocation: Invocation | undefined;
  const program = new Command("parley").description(
    "A private mesh where AI agents and the people who run them find each other, talk directly, and get work done.",
  );
  program.version(version, "-V, --version", "prints the version");
  const prepare = (command: Command): Command =>
    command
      .exitOverride()
      .configureOutput({ writeOut: (part) => (text += part), writeErr: (part) => (problem += part) })
      .configureHelp({ showGlobalOptions: true })
      .showSuggestionAfterError()
      .helpOption("-h, --help", "prints this help");
  prepare(program);
  for (const name of commonSettings) program.addOption(settingOption(name));
  const groups = new Map<string, Command>();
  const groupHelp = (group: string): string => {
    const examples = rows
      .filter(({ path }) => path.join(" ").startsWith(`${group} `))
      .flatMap((row) => row.examples[0] ?? []);
    return `\nExamples:\n${examples.map((example) => `  ${example}`).join("\n")}\n`;
  };
  const groupOf = (path: readonly string[]): Command => {
    const key = path.join(" ");
    const known = path.length === 0 ? program : groups.get(key);
    if (known !== undefined) return known;
    const group = prepare(new Command(path.at(-1)).description(groupSummaries[key] ?? "").helpCommand(false));
    groups.set(key, group.addHelpText("after", groupHelp(key)));
    groupOf(path.slice(0, -1)).addCommand(group);
    return group;
  };
  for (const row of rows) {
    const leaf = prepare(leafOf(row, (command) => (invocation = invocationOf(row, command))));
    groupOf(row.path.slice(0, -1)).addCommand(leaf);
  }
  program.helpCommand("help [command]", "prints help for a command");
  if (argv.length === 0) return { text: program.helpInformation() };
  const shorts = new Set(rows.flatMap(({ options = [] }) => options.flatMap(({ short }) => short ?? [])));
  try {
    program.parse(["node", "parley", ...argv.map((word) => markDashedId(word, shorts))]);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { text };
    return { usage: sentenceOf(unmarkDashedIds(problem)) };
  }
  return invocation === undefined ? { text } : { invocation };
}

/** Commander's complaint as one sentence. */
function sentenceOf(problem: string): string {
  if (problem.startsWith("Usage:")) {
    const usage = /^Usage: (.*)$/m.exec(problem)?.[1] ?? "parley";
    return `A command is missing; ${usage.replace(/\s*\[options\]/g, "")}: see \`parley --help\`.`;
  }
  const [first = "", second = ""] = problem.trim().split("\n");
  const complaint = first.replace(/^error: /, "").replaceAll("'", "`");
  const hint = second === "" ? "" : ` ${second}`;
  return `${complaint.charAt(0).toUpperCase()}${complaint.slice(1)}.${hint}`;
}
