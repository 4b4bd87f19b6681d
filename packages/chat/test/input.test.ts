import { PassThrough } from "node:stream";
import { setImmediate as nextTask } from "node:timers/promises";

import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { completed, completionAt, nextCandidate } from "../src/model/completion.ts";
import { backspace, editorOf, insert, left, mostWritten, vertical } from "../src/model/editor.ts";
import { fuzzyFilter } from "../src/model/fuzzy.ts";
import { NameWatch } from "../src/model/look-alike.ts";
import { parseSlash } from "../src/model/slash-command.ts";
import { InputScanner, mostPasted } from "../src/terminal/input-scanner.ts";
import { TerminalInput } from "../src/terminal/terminal-input.ts";

const keysOf = (...chunks: readonly string[]): readonly unknown[] => {
  const scanner = new InputScanner();
  return chunks.flatMap((chunk) => scanner.push(chunk)).map((part) => (part.type === "keys" ? part.keys : part));
};

describe("a terminal's input", () => {
  it("comes apart into keys, also when it was typed ahead", () => {
    expect(keysOf("hi\r/x\t\u001B[A\u001B\r\u007F\u001BOA")).toEqual([
      "hi",
      "\r",
      "/x",
      "\t",
      "\u001B[A",
      "\u001B\r",
      "\u007F",
      "\u001BOA",
    ]);
  });

  it("gives up mouse, focus and background, whole or in pieces", () => {
    const click = { type: "mouse", button: 0, column: 12, row: 3, released: false };
    expect(keysOf("a\u001B[<0;12;3Mb")).toEqual(["a", click, "b"]);
    expect(keysOf("\u001B[<0;1", "2;3M\u001B[I")).toEqual([click, { type: "focus", focused: true }]);
    expect(keysOf("\u001B]11;rgb:ffff/", "ffff/ffff\u0007")).toEqual([
      { type: "background", colour: "rgb:ffff/ffff/ffff" },
    ]);
    expect(keysOf("\u001B]11;rgb:0/0/0\u001B\\x")).toEqual([{ type: "background", colour: "rgb:0/0/0" }, "x"]);
  });

  it("keeps a paste whole, with what looks like keys in it", () => {
    const pasted = "\u001B[200~a\rb\u001B[<0;1;1M\u001B[201~";
    expect(keysOf(pasted)).toEqual([pasted]);
    expect(keysOf(...Array.from(pasted))).toEqual([pasted]);
  });

  it("takes Esc for a key of its own before what the terminal tells", () => {
    const click = { type: "mouse", button: 0, column: 12, row: 3, released: false };
    expect(keysOf("\u001B\u001B[<0;12;3M")).toEqual(["\u001B", click]);
    expect(keysOf("\u001B\u001B[O")).toEqual(["\u001B", { type: "focus", focused: false }]);
    expect(keysOf("\u001B\u001B[200~a\rb\u001B[201~")).toEqual(["\u001B", "\u001B[200~a\rb\u001B[201~"]);
    expect(keysOf("\u001B\u001B[A")).toEqual(["\u001B\u001B[A"]);
  });

  it("hands on what a mouse did after the keys before it, and an Esc alone for long enough", async () => {
    const source = new PassThrough();
    const clock = new FakeClock();
    const seen: unknown[] = [];
    const input = new TerminalInput(source, clock, ({ type }) => seen.push(type));
    input.on("data", (keys: string) => seen.push(keys));
    const click = "\u001B[<0;12;3M";
    source.emit("data", `a${click}\u001B${click}b`);
    await nextTask();
    expect(seen).toEqual(["a"]);
    clock.advance(0);
    await nextTask();
    expect(seen).toEqual(["a", "mouse", "\u001B"]);
    clock.advance(29);
    expect(seen).toHaveLength(3);
    clock.advance(1);
    await nextTask();
    expect(seen).toEqual(["a", "mouse", "\u001B", "mouse", "b"]);
    source.emit("data", "\u001B\r".repeat(2000));
    source.emit("end");
    await nextTask();
    expect(seen).toHaveLength(2005);
  });

  it("bounds a paste", () => {
    const [only] = keysOf(`\u001B[200~${"x".repeat(mostPasted + 5)}`, `${"y".repeat(mostPasted)}\u001B[20`, "1~");
    expect(only).toBe(`\u001B[200~${"x".repeat(mostPasted)}\u001B[201~`);
  });

  it("takes Esc for a key when nothing follows", () => {
    const scanner = new InputScanner();
    expect(scanner.push("\u001B")).toEqual([]);
    expect(scanner.pending).toBe(true);
    expect(scanner.flush()).toEqual([{ type: "keys", keys: "\u001B" }]);
    expect(scanner.pending).toBe(false);
  });
});

describe("what is written", () => {
  it("moves and erases by whole characters", () => {
    expect(backspace(editorOf("a👨‍👩‍👧")).text).toBe("a");
    expect(left(editorOf("a全")).cursor).toBe(1);
  });

  it("is bounded", () => {
    expect(insert(editorOf(""), "x".repeat(mostWritten + 1)).text).toHaveLength(mostWritten);
    expect(insert(editorOf("x".repeat(mostWritten - 1)), "yz").text).toHaveLength(mostWritten);
  });

  it("goes up and down at the same column", () => {
    const editor = { text: "abcd\nef\nghij", cursor: 12 };
    const up = vertical(editor, -1);
    expect(up?.cursor).toBe(7);
    expect(up && vertical(up, -1)?.cursor).toBe(2);
    expect(vertical(editor, 1)).toBeUndefined();
  });
});

describe("completion", () => {
  const words = { commands: ["join", "leave"], members: ["ada", "grace", "gracious"], channels: ["general"] };

  it("offers what begins so, then what fits loosely, and goes around", () => {
    const editor = editorOf("hi @gra");
    const offered = completionAt(editor, words);
    if (offered === undefined) throw new Error("nothing");
    expect(offered.candidates).toEqual(["@grace", "@gracious"]);
    expect(completed(editor, offered).text).toBe("hi @grace ");
    expect(nextCandidate(nextCandidate(offered)).index).toBe(0);
  });

  it("knows commands at the beginning only", () => {
    expect(completionAt(editorOf("/l"), words)?.candidates).toEqual(["/leave"]);
    expect(completionAt(editorOf("say /l"), words)).toBeUndefined();
    expect(completionAt(editorOf("plain"), words)).toBeUndefined();
  });
});

it("finds by a few letters, the best first", () => {
  expect(fuzzyFilter("ge", ["#vegetables", "#general", "@roger"], (each) => each)).toEqual([
    "#general",
    "@roger",
    "#vegetables",
  ]);
  expect(fuzzyFilter("xyz", ["#general"], (each) => each)).toEqual([]);
});

describe("commands", () => {
  it("are told from texts", () => {
    expect(parseSlash("/join #general ")).toEqual({ name: "join", rest: "#general" });
    expect(parseSlash("//join")).toBeUndefined();
    expect(parseSlash("join")).toBeUndefined();
    expect(parseSlash("/jion x")).toEqual({ unknown: "jion", near: "join" });
  });
});

describe("names", () => {
  const watch = new NameWatch([
    { member: "1", name: "ada" },
    { member: "2", name: "bill" },
  ]);

  it.each([
    ["аda", "ada"],
    ["Ada", "ada"],
    ["ádа", "ada"],
    ["b1ll", "bill"],
    ["ada\u00A0", "ada"],
    ["b\u00ADill", "bill"],
    ["biӏl", "bill"],
    ["ａｄａ", "ada"],
  ])("that look like others' are told: %s", (name, other) => {
    expect(watch.takenFor("3", name)).toBe(other);
  });

  it("are their holder's own", () => {
    expect(watch.takenFor("1", "ada")).toBeUndefined();
    expect(watch.takenFor("3", "adam")).toBeUndefined();
  });
});
