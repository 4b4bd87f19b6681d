/** Draws the chat as it looks in several terminals: `node test/pty/pictures.ts FOLDER`. For people to look at. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { launchChromium } from "../browser/chromium.ts";
import { DemoChat } from "./demo-chat.ts";
import { palettes, takePicture } from "./picture.ts";
import type { PtyTerminal } from "./pty-terminal.ts";

const [, , folder = "pictures"] = process.argv;
mkdirSync(folder, { recursive: true });
const browser = await launchChromium();

async function goTo(terminal: PtyTerminal, name: string, wanted: string): Promise<void> {
  terminal.type("\u000B");
  await terminal.until("Go to");
  terminal.type(name);
  await terminal.until(`› ${name}`);
  terminal.type("\r");
  await terminal.until(wanted);
}

for (const background of ["dark", "light"] as const) {
  const env = { COLORFGBG: background === "dark" ? "15;0" : "0;15" };
  const draw = (terminal: PtyTerminal, name: string): Promise<void> =>
    takePicture(browser, terminal, palettes[background], join(folder, `${name}-${background}.png`));
  for (const [size, columns, rows] of [
    ["narrow", 80, 24],
    ["wide", 200, 60],
    ["small", 50, 16],
  ] as const) {
    await using chat = await DemoChat.open({ columns, rows, env });
    const { terminal } = chat;
    await terminal.until(/Nothing is open|Write to|unverified|another key/);
    await goTo(terminal, "gene", "Write to #general");
    await chat.act("writes", { who: "grace", where: `#${"general".padEnd(43, "_")}` });
    await terminal.until("grace writes");
    await draw(terminal, `${size}-channel`);
    terminal.type("\u001B[A\u001B[A\u001B[A\u001B[A\u001B[A");
    await terminal.until("▌");
    await draw(terminal, `${size}-selected`);
    terminal.type("t");
    await terminal.until("Thread");
    await chat.settled();
    await draw(terminal, `${size}-thread`);
    terminal.type("\u001B");
    await terminal.until((screen) => !screen.includes("Esc closes"));
    terminal.type("?");
    await terminal.until("Keys and commands");
    await draw(terminal, `${size}-help`);
    terminal.type("\u001B");
    await terminal.until((screen) => !screen.includes("Keys and commands"));
    await goTo(terminal, "mall", "asks to talk");
    await draw(terminal, `${size}-request`);
    await goTo(terminal, "grac", "Gladly");
    await chat.act("down");
    await terminal.until("waiting for the registry");
    terminal.type("Two lines\u001B\rthen 全角 🙂");
    await terminal.until("then");
    await draw(terminal, `${size}-outage`);
  }
  await using empty = await DemoChat.open({ columns: 80, rows: 24, mode: "empty", env });
  await empty.terminal.until("Nothing is open");
  await draw(empty.terminal, "narrow-empty");
}
await browser.close();
