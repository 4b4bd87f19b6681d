import { readFileSync } from "node:fs";

import { describe, expect, it } from "vitest";

import type { CommandRow } from "../src/command.ts";
import { commandTable } from "../src/commands.ts";
import { checkTable, parseCommandLine } from "../src/program.ts";
import { commonSettings, settingTable } from "../src/setting-table.ts";

const row = (...path: string[]): CommandRow => ({
  path,
  summary: "x",
  examples: [],
  load: () => Promise.reject(new Error("not loaded")),
});
const parse = (...argv: string[]) => parseCommandLine(commandTable, argv, "1.2.3");

describe("the table of commands", () => {
  it("refuses a command twice, and a command that is a group too", () => {
    expect(() => checkTable([row("a"), row("a")])).toThrow("twice");
    expect(() => checkTable([row("a"), row("a", "b")])).toThrow("both a command and a group");
    expect(() => checkTable([row("a", "b"), row("a", "c")])).not.toThrow();
  });

  it.each(commandTable.map((entry) => [entry.path.join(" "), entry] as const))(
    "%s has a handler, a summary and an example that parses",
    async (name, entry) => {
      expect((await entry.load()).run).toBeTypeOf("function");
      expect(entry.summary).toMatch(/^[A-Z].*[^.]$/);
      expect(entry.examples.length).toBeGreaterThan(0);
      for (const example of entry.examples) {
        expect(example.startsWith(`parley ${name}`)).toBe(true);
        const argv = [...example.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "").slice(1);
        expect(parse(...argv)).toMatchObject({ invocation: { row: { path: entry.path } } });
      }
    },
  );

  it("names no option like a setting, nor twice", () => {
    for (const { path, options = [], settings = [] } of commandTable) {
      const names = [...options.map(({ name }) => name), ...settings, ...commonSettings];
      expect({ path, distinct: new Set(names).size }).toEqual({ path, distinct: names.length });
      const secrets = settings.filter((name) => "secret" in settingTable[name]);
      expect({ path, secrets }).toEqual({ path, secrets: [] });
    }
  });

  it("carries the package's version", () => {
    const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect(readFileSync(new URL("../src/main.ts", import.meta.url), "utf8")).toContain(`const version = "${version}"`);
    expect(parse("--version")).toEqual({ text: "1.2.3\n" });
  });
});

describe("a command line", () => {
  it.each([
    ["-BcdefghijklmnopqrstuA.17", ["delivery", "show"], "message"],
    ["--cdefghijklmnopqrstuA", ["invite", "cancel"], "invite"],
    ["-_cdefghijklmnopqrstuvwxyz0123456789ABCDEFG", ["device", "remove"], "device"],
  ])("takes the id %s for an argument, though it begins like an option", (id, path, name) => {
    const parsed = parse(...path, id, "--json");
    if (!("invocation" in parsed)) throw new Error(JSON.stringify(parsed));
    expect(parsed.invocation.arguments.get(name)).toBe(id);
    expect(parsed.invocation.flags.get("json")).toBe("true");
  });

  it("takes such an id for the value of an option too, and names it as it was typed", () => {
    const id = "-BcdefghijklmnopqrstuA";
    const parsed = parse("delivery", "list", "--with", id);
    if (!("invocation" in parsed)) throw new Error(JSON.stringify(parsed));
    expect(parsed.invocation.options.get("with")).toBe(id);
    const attached = parse("init", "-dBcdefghijklmnopqrstu");
    if (!("invocation" in attached)) throw new Error(JSON.stringify(attached));
    expect(attached.invocation.options.get("dir")).toBe("Bcdefghijklmnopqrstu");
    expect(parse(id)).toEqual({ usage: expect.stringContaining(`\`${id}\``) });
  });

  it.each(["-x", "--unknown-option-of-22c", "-Bcdefghijklmnopqrstu", "-BcdefghijklmnopqrstuAB"])(
    "refuses %s, which is no option and no id",
    (word) => {
      expect(parse("delivery", "show", word)).toEqual({ usage: expect.stringContaining("nknown option") });
    },
  );

  it("gives arguments, options and flags by name", () => {
    const parsed = parse("send", "@ada", "hello", "--no-wait", "--timeout", "5s", "--home", "h", "--log", "info");
    if (!("invocation" in parsed)) throw new Error("no invocation");
    const { arguments: args, options, flags } = parsed.invocation;
    expect(Object.fromEntries(args)).toEqual({ to: "@ada", text: "hello" });
    expect(Object.fromEntries(options)).toEqual({ "no-wait": true, timeout: "5s" });
    expect(Object.fromEntries(flags)).toEqual({ home: "h", log: "info" });
  });

  it("takes --json and --home before the command as after it", () => {
    for (const argv of [
      ["--json", "--home", "h", "members"],
      ["members", "--json", "--home", "h"],
      ["member", "list", "--home", "h", "--json"],
    ]) {
      const parsed = parse(...argv);
      expect("invocation" in parsed && Object.fromEntries(parsed.invocation.flags)).toEqual({
        home: "h",
        json: "true",
      });
    }
  });

  it("prints help for nothing, for --help and for a command, with its example", () => {
    for (const argv of [[], ["--help"], ["help"]])
      expect(parse(...argv)).toMatchObject({ text: expect.stringContaining("Usage: parley") });
    expect(parse("invite", "create", "--help")).toMatchObject({
      text: expect.stringContaining("Examples:\n  parley invite create"),
    });
    expect(parse("help", "send")).toMatchObject({ text: expect.stringContaining("parley send @ada") });
  });

  it("says what each group of commands is for", () => {
    const help = parse("--help");
    const text = "text" in help ? help.text : "";
    for (const group of new Set(commandTable.filter(({ path }) => path.length > 1).map(({ path }) => path[0])))
      expect(text).toMatch(new RegExp(`^  ${group} {2,}[A-Z]`, "m"));
  });

  it("prints with the help of a group an example of each of its commands", () => {
    for (const group of ["delivery", "invite"]) {
      const parsed = parse(group, "--help");
      const text = "text" in parsed ? parsed.text : "";
      expect(text).toContain("\nExamples:\n");
      for (const { path, examples } of commandTable.filter((entry) => entry.path[0] === group))
        expect({ path, isThere: text.includes(`  ${examples[0]}\n`) }).toEqual({ path, isThere: true });
    }
  });

  it.each([
    [["frob"], "Unknown command `frob`."],
    [["sned", "@a", "b"], "(Did you mean send?)"],
    [["agents", "--skil", "x"], "(Did you mean --skill?)"],
    [["send", "@ada"], "Missing required argument `text`."],
    [["invite"], "A command is missing"],
    [["ping", "@ada", "--count"], "argument missing"],
  ])("says in one sentence what is wrong with %j", (argv, sentence) => {
    const parsed = parse(...argv);
    expect("usage" in parsed && parsed.usage).toContain(sentence);
    expect("usage" in parsed && parsed.usage).not.toContain("\n");
  });
});
