import { ParleyError } from "@parley/protocol";
import { FakeClock } from "@parley/testkit";
import { beforeEach, describe, expect, it, vi } from "vitest";

import { ChatModel } from "../src/model/chat-model.ts";
import { ChatScreen } from "../src/screen/chat-screen.ts";
import type { KeyPress } from "../src/screen/key-press.ts";
import type { Line } from "../src/text/span.ts";
import { general, playDemo } from "./demo-scene.ts";
import { FakeDevice, idOf } from "./fake-device.ts";

let device: FakeDevice;
let model: ChatModel;
let screen: ChatScreen;
let quits: number;

beforeEach(async () => {
  const clock = new FakeClock(Date.UTC(2026, 10, 20, 9, 0));
  device = new FakeDevice({ now: () => clock.now() });
  await playDemo(device, (minutes) => clock.advance(minutes * 60_000))("full", {});
  model = new ChatModel({ device, clock, onTrouble: (error) => screen.trouble(error) });
  quits = 0;
  const onQuit = (): void => void quits++;
  screen = new ChatScreen({ model, columns: 100, rows: 30, background: "dark", colours: true, onQuit });
  await model.start();
  await model.open(general);
  // It begins where what is new begins; all of that was seen.
  key("escape");
});

const textOf = (lines: readonly Line[]): string =>
  lines
    .map((line) =>
      line
        .map(({ text }) => text)
        .join("")
        .trimEnd(),
    )
    .join("\n");
const main = (): string => textOf(screen.view.main);
const overlay = (): string => textOf(screen.view.overlay?.lines ?? []);
const status = (): string => textOf([screen.view.status]);
const unreadOf = (where: string): number | undefined => model.state.conversations.get(where)?.unread;

const key = (name: KeyPress["name"], more: Partial<KeyPress> = {}): void =>
  screen.press({ name, text: "", ctrl: false, alt: false, shift: false, ...more });
const type = (text: string): void => {
  for (const character of text) key("text", { text: character });
};
const ctrl = (letter: string): void => key("text", { text: letter, ctrl: true });
/** What was begun comes to its end. */
const settled = (wanted: () => void): Promise<void> => vi.waitFor(wanted);

/** Where a text stands on the screen. */
function placeOf(lines: readonly Line[], text: string): { x: number; y: number } {
  const rows = textOf(lines).split("\n");
  const y = rows.findIndex((row) => row.includes(text));
  return { x: rows[y]?.indexOf(text) ?? -1, y };
}

describe("writing", () => {
  it("says what Enter ends, and a line break goes in with Alt", async () => {
    type("one");
    key("enter", { alt: true });
    type("two");
    key("enter");
    await settled(() => expect(main()).toMatch(/one\n.*two .*stored · signed/));
    expect(screen.state.editor.text).toBe("");
  });

  it("keeps what could not be said, and says why", async () => {
    device.refuseNext = new ParleyError("not_in_channel", { message: "You are not in #general." });
    type("lost?");
    key("enter");
    await settled(() => expect(status()).toContain("! You are not in #general."));
    expect(screen.state.editor.text).toBe("lost?");
  });

  it("keeps a draft for each conversation", async () => {
    type("half a thought");
    key("down", { alt: true });
    await settled(() => expect(main()).toContain("#vault"));
    expect(screen.state.editor.text).toBe("");
    key("up", { ctrl: true });
    await settled(() => expect(screen.state.editor.text).toBe("half a thought"));
  });

  it("keeps what is written where it was written while the list is gone through", async () => {
    type("only for this one");
    ctrl("l");
    key("down");
    await settled(() => expect(main()).toContain("#vault"));
    expect(overlay()).toContain("Conversations");
    expect(screen.state.editor.text).toBe("");
    key("enter");
    key("up", { alt: true });
    await settled(() => expect(screen.state.editor.text).toBe("only for this one"));
  });

  it("does not take an edit that was left for a draft", async () => {
    type("mine");
    key("enter");
    await settled(() => expect(main()).toContain("mine"));
    key("up");
    type("e");
    expect(screen.state.editor.text).toBe("mine");
    key("down", { alt: true });
    await settled(() => expect(main()).toContain("#vault"));
    key("up", { alt: true });
    await settled(() => expect(main()).toContain("#general"));
    expect(screen.state.editor.text).toBe("");
  });

  it("takes pasted lines as they are, without what steers a terminal", () => {
    screen.paste("a\r\nb\u001B[2Jc");
    expect(screen.state.editor.text).toBe("a\nb[2Jc");
    expect(main()).toContain(" › a\n   b[2Jc");
  });

  it("completes commands, names and channels, one after the other", () => {
    type("/top");
    key("tab");
    expect(screen.state.editor.text).toBe("/topic ");
    ctrl("u");
    type("ask @g");
    key("tab");
    expect(screen.state.editor.text).toBe("ask @grace ");
    ctrl("u");
    type("#");
    key("tab");
    expect(screen.state.editor.text).toBe("#agents ");
    expect(main()).toContain("#agents  #general  #vault");
    key("tab");
    expect(screen.state.editor.text).toBe("#general ");
  });

  it("goes back to what was written before", async () => {
    type("first");
    key("enter");
    await settled(() => expect(main()).toContain("first"));
    type("second");
    ctrl("p");
    expect(screen.state.editor.text).toBe("first");
    ctrl("n");
    expect(screen.state.editor.text).toBe("second");
  });

  it("tells the others, but no stranger, that somebody writes", async () => {
    type("x");
    expect(device.calls).toContain("typing #general true");
    await model.open(`@${idOf("mallory")}`);
    const before = device.calls.length;
    type("x");
    expect(device.calls.slice(before)).toEqual([]);
  });
});

describe("a selected message", () => {
  it("is edited, once it is one's own", async () => {
    type("tpyo");
    key("enter");
    await settled(() => expect(main()).toContain("tpyo"));
    key("up");
    type("e");
    expect(screen.state.editor.text).toBe("tpyo");
    ctrl("u");
    type("typo");
    key("enter");
    await settled(() => expect(main()).toContain("typo (edited)"));
    key("up");
    key("up");
    type("e");
    expect(status()).toContain("Only your own");
  });

  it("tells its state, path and protection in words", async () => {
    await model.open(`@${idOf("grace")}`);
    key("up");
    expect(main()).toContain("read: a person saw it");
    expect(main()).toContain("direct, over a link");
    expect(main()).toContain("sealed, with the shared secret on top");
  });

  it("is retracted by pressing twice, and answered, and reacted to", async () => {
    type("oops");
    key("enter");
    await settled(() => expect(main()).toContain("oops"));
    key("up");
    type("d");
    expect(main()).toContain("oops");
    type("d");
    await settled(() => expect(main()).not.toContain("oops"));
    await settled(() => expect(status()).toContain("It was retracted."));
    key("up");
    key("up");
    type("+");
    type("🎉");
    key("enter");
    await settled(() => expect(main()).toContain("🎉 1"));
    key("up");
    key("up");
    type("r");
    type("me too");
    expect(main()).toContain("↳ grаce (door) › me too");
    key("enter");
    await settled(() => expect(main()).toContain("↳ answers grаce (door): hello from ten lines"));
  });

  it("opens its thread, in which answers are said", async () => {
    const { x, y } = placeOf(screen.view.main, "1 reply");
    screen.mouse({ type: "press", x: x + screen.view.geometry.mainLeft, y });
    await settled(() => expect(main()).toContain("Thread in #general"));
    type("in here");
    key("enter");
    await settled(() => expect(main()).toMatch(/Nice\.[\s\S]*in here/));
    key("escape");
    expect(main()).toContain("2 replies");
  });
});

describe("the mouse", () => {
  it("opens a conversation, selects a message, and scrolls", async () => {
    screen.mouse({ type: "press", ...placeOf(screen.view.list, "vault") });
    await settled(() => expect(main()).toContain("The release key"));
    const { x, y } = placeOf(screen.view.main, "The release key");
    screen.mouse({ type: "press", x: x + screen.view.geometry.mainLeft, y });
    expect(main()).toContain("▌");
    await model.open(general);
    screen.resize(80, 14);
    const before = main();
    screen.mouse({ type: "wheel", x: 40, y: 4, by: -1 });
    expect(main()).not.toBe(before);
    screen.mouse({ type: "wheel", x: 40, y: 4, by: 1 });
    screen.mouse({ type: "wheel", x: 40, y: 4, by: 1 });
    expect(main()).toContain("hello from ten lines");
  });

  it("accepts a stranger by its banner", async () => {
    await model.open(`@${idOf("mallory")}`);
    expect(main()).toContain("@mallory is a stranger");
    const { x, y } = placeOf(screen.view.main, " Accept ");
    screen.mouse({ type: "press", x: x + 1 + screen.view.geometry.mainLeft, y });
    await settled(() => expect(main()).not.toContain("is a stranger"));
    expect(device.contactViews.get(idOf("mallory"))?.standing).toBe("accepted");
  });
});

describe("what lies on top", () => {
  it("lists what calls first, then what is new, while nothing is written", async () => {
    await device.says("librarian", `@${idOf("librarian")}`, "@ada?", { mentioned: true });
    ctrl("k");
    expect(overlay()).toMatch(/▸ @librarian {2}@1 of 2/);
  });

  it("goes to a conversation by a few letters", async () => {
    ctrl("k");
    type("va");
    expect(overlay()).toMatch(/▸ #vault/);
    key("enter");
    await settled(() => expect(main()).toContain("#vault"));
  });

  it("shows the words to compare, and takes that they were the same", async () => {
    await model.open(`@${idOf("edsger")}`);
    expect(main()).toContain("! The key of @edsger is another one than before");
    type("/verify");
    key("enter");
    await settled(() => expect(overlay()).toContain("river stone cloud amber fox seven"));
    key("escape");
    type("/verify same");
    key("enter");
    await settled(() => expect(main()).not.toContain("another one than before"));
  });

  it("finds what was said, and opens it there", async () => {
    type("/search papers");
    key("enter");
    await settled(() => expect(overlay()).toContain("I found 14 papers"));
    key("enter");
    await settled(() => expect(main()).toContain("▌"));
    expect(main()).toContain("@librarian");
  });

  it("lists keys and commands, each of them", () => {
    type("?");
    expect(overlay()).toContain("Keys and commands");
    key("pagedown");
    key("pagedown");
    expect(overlay()).toContain("/quit");
    key("escape");
    expect(overlay()).toBe("");
  });
});

describe("names and texts of others", () => {
  it("are neutralised, and flagged when they look like somebody else's", async () => {
    await model.open(`@${idOf("mallory")}`);
    expect(main()).toContain(String.raw`\u{202e}gnp.exe \u{1b}[31m`);
    await model.open(general);
    expect(main()).toContain("(plain door, no key) ! not @grace");
  });

  it("say why they cannot be read", async () => {
    await model.open(`#${idOf("vault")}`);
    expect(main()).toContain("[cannot be read: this device was not in the channel's group then]");
  });
});

it("says where the registry is, and counts down to the next try", async () => {
  await device.session("waiting", 4000);
  expect(status()).toContain("○ waiting for the registry, again in 4 s");
  await device.session("connected");
  expect(status()).toContain("● connected");
});

it("does not count as read what comes while nobody looks, and marks where that begins", async () => {
  screen.focus(false);
  await device.says("grace", general, "anybody?");
  expect(model.state.conversations.get(general)?.unread).toBe(1);
  expect(main()).toMatch(/── new ─+\n.*grace\n\s+anybody\?/);
  screen.focus(true);
  expect(model.state.conversations.get(general)?.unread).toBe(0);
});

it("begins at what is new, which counts as read once its end was on the screen", async () => {
  const librarian = `@${idOf("librarian")}`;
  for (let count = 1; count <= 60; count++) await device.says("librarian", librarian, `line ${count}`);
  ctrl("k");
  type("libr");
  key("enter");
  await settled(() => expect(main()).toContain("── new"));
  expect(main()).not.toContain("line 60");
  expect(unreadOf(librarian)).toBe(61);
  expect(device.calls.filter((call) => call.startsWith("read @libr"))).toEqual([]);
  key("escape");
  expect(main()).toContain("line 60");
  expect(unreadOf(librarian)).toBe(0);
});

it("marks what is new in a conversation that was open before", async () => {
  await model.open(`#${idOf("vault")}`);
  await device.says("grace", general, "news");
  await model.open(general);
  expect(main()).toMatch(/── new ─+\n.*grace\n\s+news/);
  expect(unreadOf(general)).toBe(0);
});

it("does not count as read what is below the screen when another one is opened", async () => {
  screen.resize(80, 14);
  key("pageup");
  await device.says("builder", general, "fixed on main");
  key("down", { alt: true });
  await settled(() => expect(main()).toContain("#vault"));
  expect(unreadOf(general)).toBe(1);
});

it("does not count as read what a thread covers", async () => {
  ctrl("t");
  await settled(() => expect(main()).toContain("Thread in #general"));
  await device.says("grace", general, "beside it");
  expect(unreadOf(general)).toBe(1);
  key("escape");
  expect(unreadOf(general)).toBe(0);
});

it("shows an invitation among the requests, and says how to come in", async () => {
  device.addChannel("plans", { kind: "invite", joined: false }, ["grace"]);
  const plans = idOf("plans");
  const by = idOf("grace");
  device.emit({ type: "channel", channel: plans, what: "invited", member: device.member, name: "ada", by, at: 0 });
  await settled(() => expect(textOf(screen.view.list)).toMatch(/Requests[\s\S]*plans/));
  await model.open(`#${plans}`);
  expect(main()).toContain("You are not in #plans. /join #plans comes in.");
  type("/join #plans");
  key("enter");
  await settled(() => expect(main()).not.toContain("You are not in"));
  expect(textOf(screen.view.list)).toMatch(/plans[\s\S]*Direct messages/);
});

it("holds still while somebody reads further up", async () => {
  screen.resize(80, 14);
  key("pageup");
  const before = main();
  await device.says("builder", general, "fixed on main");
  expect(main()).toBe(before);
  expect(model.state.conversations.get(general)?.unread).toBe(1);
  key("escape");
  expect(main()).toContain("fixed on main");
  expect(model.state.conversations.get(general)?.unread).toBe(0);
});

it.each([
  [20, 6],
  [50, 16],
  [80, 24],
  [119, 30],
  [120, 30],
  [200, 60],
])("fills a terminal of %i columns and %i rows exactly", (columns, rows) => {
  screen.resize(columns, rows);
  type("/hel");
  key("tab");
  const { list, main: middle, side, status: line, geometry } = screen.view;
  const width = (part: Line): number => part.reduce((sum, { text }) => sum + Array.from(text).length, 0);
  expect(middle).toHaveLength(rows - 1);
  expect(
    geometry.list + geometry.main + geometry.side + (geometry.list > 0 ? 1 : 0) + (geometry.side > 0 ? 1 : 0),
  ).toBe(columns);
  expect(Math.max(...list.map(width), 0)).toBeLessThanOrEqual(geometry.list);
  expect(Math.max(...side.map(width), 0)).toBeLessThanOrEqual(geometry.side);
  expect(width(line)).toBe(columns);
});

it("ends with Ctrl+C, once nothing is written", () => {
  type("x");
  ctrl("c");
  expect(quits).toBe(0);
  ctrl("c");
  expect(quits).toBe(1);
});
