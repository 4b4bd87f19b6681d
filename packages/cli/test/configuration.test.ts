import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";

import { Configuration } from "../src/configuration.ts";
import { parseDuration } from "../src/duration.ts";
import { type SettingName, settingNames, settingTable, variableOf } from "../src/setting-table.ts";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "parley-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

interface Sources {
  readonly flags?: Partial<Record<SettingName, string>>;
  readonly environment?: Record<string, string>;
  /** Text of parley.yaml in the working folder. */
  readonly here?: string;
  /** Text of parley.yaml in the home folder. */
  readonly inHome?: string;
}

function read({ flags = {}, environment = {}, here, inHome }: Sources): Configuration {
  const cwd = folder();
  const homeDirectory = folder();
  mkdirSync(join(homeDirectory, ".parley"));
  if (here !== undefined) writeFileSync(join(cwd, "parley.yaml"), here);
  if (inHome !== undefined) writeFileSync(join(homeDirectory, ".parley", "parley.yaml"), inHome);
  return Configuration.read({
    flags: new Map(Object.entries(flags) as [SettingName, string][]),
    environment,
    cwd,
    homeDirectory,
  });
}

const code = (sources: Sources): string => {
  try {
    read(sources);
    return "none";
  } catch (error) {
    return `${(error as { code: string }).code}: ${(error as Error).message}`;
  }
};

describe("a setting's value", () => {
  it("comes from the flag, then the variable, then parley.yaml here, then at home, then the default", () => {
    const sources = {
      flags: { port: "1" },
      environment: { PARLEY_PORT: "2" },
      here: "port: 3",
      inHome: "port: 4",
    } as const;
    const { flags, ...noFlag } = sources;
    const { environment, ...noVariable } = noFlag;
    const { here, ...onlyHome } = noVariable;
    expect([sources, noFlag, noVariable, onlyHome, {}].map((each) => read(each).get("port"))).toEqual([
      1, 2, 3, 4, 8080,
    ]);
    expect([flags.port, environment.PARLEY_PORT, here]).toEqual(["1", "2", "port: 3"]);
  });

  it("names its origin", () => {
    const settings = read({ flags: { port: "1" }, environment: { PARLEY_HOST: "::1" }, here: "log: info" });
    const origins = Object.fromEntries(settings.all().map(({ name, origin }) => [name, origin]));
    expect(origins).toMatchObject({
      port: "flag",
      host: "PARLEY_HOST",
      log: expect.stringMatching(/parley\.yaml$/),
      data: "default",
    });
    expect([settings.isSet("port"), settings.isSet("data")]).toEqual([true, false]);
  });

  it("has a default that is valid, for each setting", () => {
    expect(
      read({})
        .all()
        .map(({ name }) => name),
    ).toEqual(settingNames);
  });

  it("may say where the home is, which then has settings of its own", () => {
    const home = folder();
    writeFileSync(join(home, "parley.yaml"), "label: from home\n");
    const settings = read({ here: `home: ${home}\n` });
    expect([settings.home, settings.get("label")]).toEqual([{ path: home, from: "given" }, "from home"]);
  });

  it("takes relative folders from the file that names them", () => {
    const home = folder();
    writeFileSync(join(home, "parley.yaml"), "data: registry\n");
    expect(read({ environment: { PARLEY_HOME: home } }).get("data")).toBe(join(home, "registry"));
  });

  it("may be a list in YAML", () => {
    expect(read({ here: "path: [direct, turn]\n" }).get("path")).toEqual(["direct", "turn"]);
  });
});

describe("what is refused", () => {
  it.each([
    [{ environment: { PARLEY_PROT: "1" } }, "PARLEY_PROT is not a setting (did you mean PARLEY_PORT?)"],
    [{ environment: { PARLEY_WHATEVER_ELSE: "1" } }, "PARLEY_WHATEVER_ELSE is not a setting;"],
    [{ here: "prot: 1" }, "prot is not a setting (did you mean port?)"],
    [{ inHome: "lable: x" }, "did you mean label?"],
    [{ here: "- a\n- b" }, "must hold settings"],
    [{ here: "port: {a: 1}" }, "port must be a text"],
    [{ here: "port: [" }, "not YAML"],
    [{ here: "x".repeat(70_000) }, "is larger than"],
  ] satisfies [Sources, string][])("%j", (sources, words) => {
    expect(code(sources)).toContain("invalid_config");
    expect(code(sources)).toContain(words);
  });

  it.each([
    ["port", ["0", "65535"], ["-1", "65536", "1.5", "", "x"]],
    ["time-limit", ["1ms", "1h", "3600"], ["0", "61m", "soon"]],
    ["log", ["error", "debug"], ["loud", ""]],
    ["json", ["true", "false"], ["yes", "1"]],
    ["path", ["direct", "relay, mailbox"], ["", "carrier-pigeon", ","]],
    [
      "registry",
      ["http://127.0.0.1:8080", "https://mesh.example.org/"],
      ["mesh.example.org", "ftp://x", "http://x/path", "http://x/?q"],
    ],
    ["link-ports", ["1-65535", "40000-40000"], ["0-1", "2-1", "1-65536", "5"]],
    ["label", ["my desk"], ["", "two\nlines"]],
  ] satisfies [SettingName, string[], string[]][])("%s takes %j and refuses %j", (name, good, bad) => {
    for (const text of good) expect(code({ environment: { [variableOf(name)]: text } })).toBe("none");
    for (const text of bad)
      expect(code({ environment: { [variableOf(name)]: text } })).toContain(`invalid_config: ${variableOf(name)}`);
  });
});

it("reads times with their units", () => {
  expect(["500ms", "1.5s", "90", "2m", "1h", "7d"].map(parseDuration)).toEqual([
    500, 1500, 90_000, 120_000, 3_600_000, 604_800_000,
  ]);
  expect(["", "s", "-1s", "1 s", "1w", "1e3"].map(parseDuration)).toEqual(Array.from({ length: 6 }, () => undefined));
});

it("names every setting so that flag, variable and key agree", () => {
  for (const name of settingNames) expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
  expect(new Set(Object.keys(settingTable).map(variableOf)).size).toBe(settingNames.length);
});
