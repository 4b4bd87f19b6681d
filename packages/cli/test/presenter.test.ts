import { stripVTControlCharacters } from "node:util";

import { ParleyError, visible } from "@parley/protocol";
import { expect, it } from "vitest";

import { Presenter, shorten } from "../src/presenter.ts";

function presenter(options: { json?: boolean; tty?: boolean; environment?: Record<string, string> } = {}) {
  const texts = { out: "", err: "" };
  const sink = (name: "out" | "err") => ({
    isTTY: options.tty ?? false,
    columns: 20,
    write: (text: string) => (texts[name] += text),
  });
  return {
    texts,
    presenter: new Presenter({
      json: options.json ?? false,
      out: sink("out"),
      err: sink("err"),
      environment: options.environment ?? {},
    }),
  };
}

it("aligns tables and trims their ends", () => {
  const { texts, presenter: out } = presenter();
  out.table(
    ["NAME", "SKILLS"],
    [
      ["@librarian", "search, read"],
      ["@ada", ""],
    ],
  );
  expect(texts.out).toBe("NAME        SKILLS\n@librarian  search, read\n@ada\n");
});

it("cuts the last column on request to what a terminal has room for, and nowhere else", () => {
  const rows = [
    ["@ada", "a long line of text"],
    ["@bob", "short"],
  ];
  const narrow = presenter({ tty: true, environment: { NO_COLOR: "1" } });
  narrow.presenter.table(["NAME", "TEXT"], rows, { cutLast: true });
  expect(narrow.texts.out).toBe("NAME  TEXT\n@ada  a long line o…\n@bob  short\n");
  const piped = presenter();
  piped.presenter.table(["NAME", "TEXT"], rows, { cutLast: true });
  expect(piped.texts.out).toContain("a long line of text");
});

it("shortens a text by its characters", () => {
  expect([shorten("abc", 3), shorten("abcd", 3), shorten("👩‍👩‍👧👩‍👩‍👧", 2)]).toEqual(["abc", "ab…", "👩‍👩‍👧👩‍👩‍👧"]);
  expect(shorten("👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 2)).toBe("👩‍👩‍👧…");
});

it("prints one JSON object and nothing beside it in JSON mode", () => {
  const { texts, presenter: out } = presenter({ json: true, tty: true });
  out.progress("working");
  out.note("by the way");
  out.result({ ok: true }, () => out.line("human"));
  expect(texts).toEqual({ out: '{"ok":true}\n', err: "" });
});

it("prints errors as one sentence with their code, or as JSON", () => {
  const error = new ParleyError("unreachable", { message: "It is down.", data: { tries: 3 } });
  const human = presenter();
  human.presenter.error(error);
  expect(human.texts.err).toBe("error: It is down. (unreachable)\n");
  const json = presenter({ json: true });
  json.presenter.error(error);
  expect(JSON.parse(json.texts.err)).toEqual({
    error: { code: "unreachable", message: "It is down.", data: { tries: 3 } },
  });
});

it("colours on a terminal only, and never with NO_COLOR", () => {
  const coloured = presenter({ tty: true }).presenter.style("red", "x");
  expect([coloured === "x", stripVTControlCharacters(coloured)]).toEqual([false, "x"]);
  expect(presenter().presenter.style("red", "x")).toBe("x");
  expect(presenter({ tty: true, environment: { NO_COLOR: "1" } }).presenter.style("red", "x")).toBe("x");
  expect(presenter({ tty: true, environment: { NO_COLOR: "" } }).presenter.style("red", "x")).not.toBe("x");
});

it("shows progress in one line of a terminal and wipes it before anything else", () => {
  const { texts, presenter: out } = presenter({ tty: true });
  out.progress("a very long line that would wrap");
  out.line("result");
  expect(texts.err).toBe("\r\u001B[Ka very long line th\r\u001B[K");
  const plain = presenter();
  plain.presenter.progress("working");
  expect(plain.texts.err).toBe("");
});

it("shows control characters of others instead of obeying them", () => {
  expect(visible("\u001B[31mred\u0007 \u202Eback\u0000")).toBe("\\u{1b}[31mred\\u{7} \\u{202e}back\\u{0}");
  expect(visible("two\nlines\tand a tab, ünïcode 🙂")).toBe("two\nlines\tand a tab, ünïcode 🙂");
});
