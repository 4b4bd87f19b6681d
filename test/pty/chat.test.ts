/** The chat in a terminal, as somebody sits before it: what is typed and clicked, what happens meanwhile, what is to be seen. */
import { describe, expect, it } from "vitest";

import { DemoChat } from "./demo-chat.ts";
import type { PtyTerminal } from "./pty-terminal.ts";

const esc = "\u001B";
const general = `#${"general".padEnd(43, "_")}`;
const grace = `@${"grace".padEnd(43, "_")}`;

interface Step {
  readonly name: string;
  readonly act: (chat: DemoChat) => void | Promise<void>;
  /** What the screen shows when it came about. */
  readonly until: string | RegExp | ((screen: string) => boolean);
}

const type =
  (keys: string) =>
  ({ terminal }: DemoChat): void =>
    terminal.type(keys);
const without =
  (...gone: readonly string[]) =>
  (screen: string): boolean =>
    gone.every((text) => !screen.includes(text));

/** Of the open thread, which stands at the right of everything else, or in its place. */
const inThread =
  (text: string) =>
  (screen: string): boolean =>
    screen.includes("Esc closes") &&
    screen.split("\n").some((line) => line.slice(line.lastIndexOf("│") + 1).includes(text));

/** Clicks where a text stands. */
function click(text: string | RegExp) {
  return ({ terminal }: DemoChat): void => {
    const rows = terminal.screen.split("\n");
    const row = rows.findIndex((line) => (typeof text === "string" ? line.includes(text) : text.test(line)));
    const column = typeof text === "string" ? (rows[row]?.indexOf(text) ?? 0) : (rows[row]?.search(text) ?? 0);
    terminal.click(column + 1, row);
  };
}

const steps: readonly Step[] = [
  { name: "starts", act: () => undefined, until: /@edsger[\s\S]*compare words: \/verify/ },
  { name: "opens the list to go to", act: type("\u000B"), until: "Go to" },
  { name: "narrows it", act: type("gen"), until: /› gen [\s\S]*▸ #general/ },
  { name: "goes to #general", act: type("\r"), until: "Write to #general" },
  { name: "reads on to the end", act: ({ terminal }) => terminal.wheel(20), until: "hello from ten lines" },
  { name: "writes", act: type("good morning"), until: "› good morning" },
  { name: "breaks the line", act: type(`${esc}\rsecond line`), until: "second line" },
  { name: "sends", act: type("\r"), until: /second line +stored · signed/ },
  { name: "writes in wide characters", act: type("全角の挨拶と 한국어 🙂"), until: "全角の挨拶と 한국어 🙂" },
  { name: "moves among them", act: type(`${esc}[D${esc}[D${esc}[D!`), until: "全角の挨拶と 한국!어 🙂" },
  { name: "sends them", act: type("\r"), until: /한국!어 🙂 +stored · signed/ },
  {
    name: "pastes lines",
    act: ({ terminal }) => terminal.paste("pasted one\rpasted two\r\npasted three"),
    until: "pasted three",
  },
  { name: "sends the paste", act: type("\r"), until: /pasted three +stored · signed/ },
  { name: "completes a command", act: type("/topi\t"), until: "› /topic" },
  { name: "changes the topic", act: type("Now with pictures\r"), until: "#general  Now with pictures" },
  { name: "completes a name", act: type("thanks @gra\t"), until: "› thanks @grace" },
  { name: "erases", act: type("\u0015"), until: /› Write to #general/ },
  {
    name: "sees somebody write",
    act: (chat) => chat.act("writes", { who: "grace", where: general }),
    until: "grace writes…",
  },
  {
    name: "sees it said",
    act: (chat) =>
      chat.act("says", { who: "grace", where: general, text: "well done @ada", more: { mentioned: true } }),
    until: (screen) => screen.includes("well done @ada") && !screen.includes("grace writes"),
  },
  { name: "selects the last message", act: type(`${esc}[A`), until: "▌" },
  { name: "and the one before, which is its own", act: type(`${esc}[A`), until: "stored: the registry keeps it" },
  { name: "edits it", act: type("e"), until: "edit ›" },
  {
    name: "to something else",
    act: type("\u0015\u007F\u0015\u007F\u0015pasted and edited\r"),
    until: "pasted and edited (edited)",
  },
  { name: "reacts", act: type(`${esc}[A`), until: "▌" },
  { name: "with an emoji", act: type("+🎉\r"), until: "🎉 1" },
  { name: "answers", act: type(`${esc}[A`), until: "▌" },
  { name: "in words", act: type("ryou are welcome\r"), until: /↳ answers grace[\s\S]*you are welcome +stored/ },
  { name: "retracts", act: type(`${esc}[A`), until: "▌" },
  { name: "after it was asked", act: type("d"), until: "d once more retracts it" },
  {
    name: "for good",
    act: type("d"),
    until: (screen) => screen.includes("It was retracted.") && !screen.includes("you are welcome"),
  },
  {
    name: "scrolls up",
    act: ({ terminal }) => terminal.wheel(-20),
    until: /the beginning[\s\S]*Friday, 20 November 2026/,
  },
  { name: "scrolls back to the end", act: type(esc), until: /retracted +stored/ },
  { name: "opens a thread by a click", act: click("1 reply"), until: inThread("Nice.") },
  { name: "closes it", act: type("\u0014"), until: without("Esc closes") },
  { name: "looks at the help", act: type("?"), until: "Keys and commands" },
  { name: "closes the help", act: type(esc), until: without("Keys and commands") },
  { name: "clicks a conversation", act: click("vault"), until: "The release key is rotated." },
  { name: "goes to a stranger", act: click("mallory"), until: "asks to talk to you" },
  { name: "accepts by a click", act: click(" Accept "), until: without("asks to talk") },
  { name: "makes a secret with a friend", act: type("/msg @grace\r"), until: "Gladly, at the usual place." },
  { name: "and sees it once", act: type("/secret new\r"), until: "K7QP-2M4X-91ZD-HH3T" },
  { name: "then not again", act: type(esc), until: without("K7QP") },
  { name: "loses the registry", act: (chat) => chat.act("down"), until: "waiting for the registry, again in 4 s" },
  { name: "goes on writing", act: type("are you there?\r"), until: /are you there\? +accepted · secret/ },
  {
    name: "has the registry back",
    act: (chat) => chat.act("up"),
    until: /are you there\? +delivered · direct · secret/,
  },
  {
    name: "hears of it",
    act: (chat) => chat.act("says", { who: "grace", where: grace, text: "I am", more: { protection: "secret" } }),
    until: "I am",
  },
];

/** The screens, with the steps that led to them: one file for each size. */
async function play(chat: DemoChat): Promise<string> {
  const shown: string[] = [];
  for (const [index, { name, act, until }] of steps.entries()) {
    await act(chat);
    await chat.terminal.until(until);
    shown.push(`== ${index + 1}. ${name}\n${await chat.settled()}`);
  }
  return `${shown.join("\n\n")}\n`;
}

/** Dozens of screens on a machine that does much else. */
const mostMs = 180_000;

describe.each([
  [80, 24],
  [200, 60],
])("a terminal of %i columns and %i rows", (columns, rows) => {
  it("shows what somebody does in a morning, step by step", { timeout: mostMs }, async () => {
    await using chat = await DemoChat.open({ columns, rows });
    await expect(await play(chat)).toMatchFileSnapshot(`screens/${columns}x${rows}.txt`);
    chat.terminal.type("\u0003");
    expect(await chat.terminal.ended).toBe(0);
    expect(lastScreen(chat.terminal)).toBe("");
  });
});

it("follows the size of its terminal, with what is written kept", { timeout: mostMs }, async () => {
  await using chat = await DemoChat.open({ columns: 80, rows: 24 });
  const { terminal } = chat;
  await terminal.until("compare words");
  terminal.type("\u000Bgen\r");
  await terminal.until("Write to #general");
  terminal.type("全角 draft");
  await terminal.until("› 全角 draft");
  const shown: string[] = [];
  for (const [columns, rows] of [
    [200, 60],
    [120, 30],
    [71, 20],
    [40, 12],
    [20, 6],
    [80, 24],
  ] as const) {
    terminal.resize(columns, rows);
    await terminal.until(() => terminal.screen.split("\n").length === rows);
    // The program hears of it from its own terminal.
    await chat.act("size", { columns, rows });
    shown.push(`== ${columns}x${rows}\n${await chat.settled()}`);
  }
  await expect(`${shown.join("\n\n")}\n`).toMatchFileSnapshot("screens/resized.txt");
});

it("uses no colour where none is wanted, and still tells everything apart", async () => {
  await using chat = await DemoChat.open({ columns: 80, rows: 24, env: { NO_COLOR: "1" } });
  const { terminal } = chat;
  await terminal.until("compare words");
  const cells = terminal.cells().flat();
  expect(cells.filter(({ foreground, background }) => foreground !== undefined || background !== undefined)).toEqual(
    [],
  );
  expect(cells.some(({ bold }) => bold)).toBe(true);
  expect(cells.some(({ inverse }) => inverse)).toBe(true);
});

it("takes what a mouse does, and no key of it", async () => {
  await using chat = await DemoChat.open({ columns: 80, rows: 24 });
  const { terminal } = chat;
  await terminal.until("compare words");
  terminal.wheel(3);
  terminal.click(40, 10);
  terminal.type("\u001B[<0;1");
  terminal.type("5;3M\u001B[<0;15;3m");
  await terminal.until("#general  Where agents");
  expect(await chat.settled()).toMatch(/› Write to #general/);
});

/** What is left of the chat: the screen is as it was before. */
const lastScreen = (terminal: PtyTerminal): string => terminal.screen.trim();
