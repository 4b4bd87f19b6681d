import { homedir } from "node:os";
import { join, resolve } from "node:path";

import { ParleyError } from "@parley/protocol";

import { parseDuration } from "./duration.ts";
import type { SettingRow } from "./setting-table.ts";

const wrong = (where: string, problem: string): ParleyError =>
  new ParleyError("invalid_config", { message: `${where} ${problem}.` });

type Reader = (row: SettingRow, text: string, where: string, base: string) => unknown;

const readers: Readonly<Record<SettingRow["kind"], Reader>> = {
  text: readText,
  path: (_row, text, where, base) => readPath("a folder", text, where, base),
  file: (_row, text, where, base) => readPath("a file", text, where, base),
  url: (_row, text, where) => readOrigin(text, where),
  integer: readInteger,
  duration: readDuration,
  flag: readFlag,
  list: readList,
  choice: readChoice,
  ports: (_row, text, where) => readPorts(text, where),
};

/** Reads a setting's text. `where` names the flag, variable or key for the error; `base` is where relative paths start. */
export function readSetting(row: SettingRow, text: string, where: string, base: string): unknown {
  return readers[row.kind](row, text, where, base);
}

function readText(_row: SettingRow, text: string, where: string): string {
  if (text === "" || /[\p{Cc}]/u.test(text)) throw wrong(where, "must be one line of text");
  return text;
}

function readPath(what: string, text: string, where: string, base: string): string {
  if (text === "") throw wrong(where, `must name ${what}`);
  return resolve(base, text.startsWith("~/") ? join(homedir(), text.slice(2)) : text);
}

function readFlag(_row: SettingRow, text: string, where: string): boolean {
  if (text !== "true" && text !== "false") throw wrong(where, "must be true or false");
  return text === "true";
}

function readChoice(row: SettingRow, text: string, where: string): string {
  if (row.choices?.includes(text) !== true) throw wrong(where, `must be one of ${row.choices?.join(", ") ?? ""}`);
  return text;
}

function readOrigin(text: string, where: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (
    url === undefined ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname !== "/" ||
    url.search !== "" ||
    url.hash !== ""
  ) {
    throw wrong(where, "must be an address like https://mesh.example.org, without a path");
  }
  return url.origin;
}

function readInteger(row: SettingRow, text: string, where: string): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  const { least = 0, most = Number.MAX_SAFE_INTEGER } = row;
  if (!(value >= least && value <= most)) throw wrong(where, `must be a whole number from ${least} to ${most}`);
  return value;
}

function readDuration(row: SettingRow, text: string, where: string): number {
  const value = parseDuration(text) ?? Number.NaN;
  const { least = 0, most = Number.MAX_SAFE_INTEGER } = row;
  if (!(value >= least && value <= most))
    throw wrong(where, `must be a time like 90s, 10m or 1h, at most ${Math.floor(most / 1000)}s`);
  return value;
}

function readList(row: SettingRow, text: string, where: string): readonly string[] {
  const entries = text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== "");
  const { choices } = row;
  const unknown = choices === undefined ? undefined : entries.find((entry) => !choices.includes(entry));
  if (entries.length === 0 || unknown !== undefined) {
    throw wrong(
      where,
      choices === undefined
        ? "must name at least one, separated by commas"
        : `must be one or more of ${choices.join(", ")}, separated by commas`,
    );
  }
  return entries;
}

function readPorts(text: string, where: string): readonly [number, number] {
  const match = /^(\d{1,5})-(\d{1,5})$/.exec(text);
  const [from, to] = [Number(match?.[1]), Number(match?.[2])];
  if (!(from >= 1 && from <= to && to <= 65_535)) throw wrong(where, "must be a range of ports like 40000-40100");
  return [from, to];
}
