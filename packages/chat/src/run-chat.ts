import { type Clock, systemClock } from "@parley/core";
import { type ParleyError, toParleyError } from "@parley/protocol";
import { type Instance, render } from "ink";
import { createElement } from "react";

import type { ChatDevice } from "./chat-device.ts";
import { ChatModel } from "./model/chat-model.ts";
import { titleOf } from "./model/chat-state.ts";
import { listedConversations } from "./model/conversation-list.ts";
import { ChatScreen } from "./screen/chat-screen.ts";
import type { InputPart } from "./terminal/input-scanner.ts";
import { type RawInput, TerminalInput } from "./terminal/terminal-input.ts";
import { askBackground, bell, keepTitle, modesOff, modesOn, restoreTitle, titled } from "./terminal/terminal-modes.ts";
import { screenLine } from "./text/text-width.ts";
import { backgroundOf } from "./text/theme.ts";
import { ChatApp } from "./view/chat-app.ts";

export interface ChatOptions {
  readonly device: ChatDevice;
  /** `@name` or `#channel` to open first; otherwise the one where something was said last. */
  readonly open?: string | undefined;
  readonly stdin: RawInput;
  readonly stdout: NodeJS.WriteStream;
  /** `NO_COLOR` and `COLORFGBG` are looked at. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Keeps it from others that their messages were read, whatever the device's own setting. Default false. */
  readonly withholdsRead?: boolean;
  /** Ends the chat. */
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** A chat that is on the screen. */
export interface OpenChat {
  /** Resolves when its person ended it, or the signal, with the conversation that was open, for opening it again. */
  readonly ended: Promise<string | undefined>;
  /** Resolves when all that changed so far is on the terminal. */
  settled(): Promise<void>;
}

/** Shows the chat on the whole terminal until its person ends it. The device stays open. */
export const runChat = (options: ChatOptions): Promise<string | undefined> => openChat(options).ended;

/** The same, for whoever has to know what is on the screen. */
export function openChat(options: ChatOptions): OpenChat {
  const { device, stdin, stdout, environment, withholdsRead = false, clock = systemClock } = options;
  const quit = Promise.withResolvers<void>();
  const onTrouble = (error: ParleyError): void => screen.trouble(error);
  const model: ChatModel = new ChatModel({ device, clock, withholdsRead, onTrouble });
  const screen = new ChatScreen({
    model,
    columns: stdout.columns,
    rows: stdout.rows,
    background: backgroundOf(environment["COLORFGBG"]),
    colours: (environment["NO_COLOR"] ?? "") === "",
    onQuit: quit.resolve,
  });
  const input = new TerminalInput(stdin, clock, (part) => report(screen, part));
  input.once("end", quit.resolve);
  const restore = enterTerminal(stdout, () => screen.resize(stdout.columns, stdout.rows));
  const unherald = herald(model, screen, stdout);
  const shown = render(createElement(ChatApp, { screen }), {
    stdin: input,
    stdout,
    exitOnCtrlC: false,
    alternateScreen: true,
    interactive: true,
    incrementalRendering: true,
  });
  const leave = (): void => {
    unherald();
    screen.stop();
    model.stop();
    shown.unmount();
    input.release();
    restore();
  };
  begin(model, screen, options.open);
  return { ended: untilQuit(options.signal, quit, shown, leave, model), settled: () => shown.waitUntilRenderFlush() };
}

async function untilQuit(
  signal: AbortSignal | undefined,
  quit: PromiseWithResolvers<void>,
  shown: Instance,
  leave: () => void,
  model: ChatModel,
): Promise<string | undefined> {
  const stop = (): void => quit.resolve();
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted === true) stop();
  try {
    // An error on the way to the screen ends it too.
    await Promise.race([quit.promise, shown.waitUntilExit()]);
  } finally {
    signal?.removeEventListener("abort", stop);
    leave();
  }
  return model.state.current;
}

/** Asks the terminal for all that a chat needs of it. Returns the way back, which is also gone when the process ends. */
function enterTerminal(stdout: NodeJS.WriteStream, onResize: () => void): () => void {
  const restore = (): void => void stdout.write(modesOff + restoreTitle);
  stdout.write(keepTitle + modesOn + askBackground);
  stdout.on("resize", onResize);
  process.once("exit", restore);
  return () => {
    stdout.off("resize", onResize);
    process.off("exit", restore);
    restore();
  };
}

/** The screen is there at once; what it shows comes as it is read. */
function begin(model: ChatModel, screen: ChatScreen, open: string | undefined): void {
  const start = async (): Promise<void> => {
    await model.start();
    const listed = listedConversations(model.state).toSorted((one, other) => other.active - one.active);
    const first =
      open === undefined
        ? listed.find(({ active, contact }) => active > 0 && contact?.standing !== "request")?.key
        : await model.find(open);
    if (first !== undefined && model.state.current === undefined) await screen.open(first);
  };
  start().catch((error: unknown) => screen.trouble(toParleyError(error)));
}

function report(screen: ChatScreen, part: Exclude<InputPart, { type: "keys" }>): void {
  if (part.type === "focus") screen.focus(part.focused);
  else if (part.type === "background") screen.setBackground(backgroundOf(part.colour));
  else if (!part.released) {
    const [x, y] = [part.column - 1, part.row - 1];
    if (part.button === 64 || part.button === 65)
      screen.mouse({ type: "wheel", x, y, by: part.button === 64 ? -1 : 1 });
    else if (part.button === 0) screen.mouse({ type: "press", x, y });
  }
}

/** The title says how much is new; a bell rings when somebody calls and nobody looks. */
function herald(model: ChatModel, screen: ChatScreen, stdout: NodeJS.WriteStream): () => void {
  let title = "";
  let calls = 0;
  return model.subscribe(() => {
    const { conversations, current } = model.state;
    const all = [...conversations.values()];
    const unread = all.reduce((sum, one) => sum + one.unread, 0);
    const open = current === undefined ? undefined : conversations.get(current);
    const next = `${unread === 0 ? "" : `(${unread}) `}${open === undefined ? "parley" : `${screenLine(titleOf(open))} - parley`}`;
    if (next !== title) stdout.write(titled(next));
    title = next;
    const called = all.reduce((sum, one) => sum + (one.kind === "direct" ? one.unread : one.mentions), 0);
    if (called > calls && !screen.state.focused) stdout.write(bell);
    calls = called;
  });
}
