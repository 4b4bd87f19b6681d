import { createInterface } from "node:readline";

import { type DeviceEvent, shortRequest } from "@parley/client";
import { type ArchivedMessage, type Clock, systemClock } from "@parley/core";
import { ParleyError, textContent, toParleyError, visible } from "@parley/protocol";

import type { ChatDevice } from "./chat-device.ts";
import { askedHint, askedText } from "./model/asked-commands.ts";
import { ChatModel } from "./model/chat-model.ts";
import { titleOf } from "./model/chat-state.ts";
import { commandHelp, foundLine, runCommand } from "./model/command-runner.ts";
import { parseSlash } from "./model/slash-command.ts";
import type { Line } from "./text/span.ts";
import { factsOf, isTrouble, sizeWords, timeWords, unreadableWords, viaWords } from "./text/words.ts";

export interface PlainChatOptions {
  readonly device: ChatDevice;
  /** `@name` or `#channel` that is meant until another one is. */
  readonly open?: string | undefined;
  readonly input: NodeJS.ReadableStream;
  readonly output: { write(text: string): unknown };
  /** A person reads what is printed, so that it counts as read. */
  readonly interactive: boolean;
  /** Keeps it from others that their messages were read, whatever the device's own setting. Default false. */
  readonly withholdsRead?: boolean;
  readonly signal?: AbortSignal;
  readonly clock?: Clock;
}

/** Messages that are printed when a conversation is opened. */
const shownBefore = 10;
const mostQuoted = 40;

/**
 * A chat in lines, for pipes and for terminals that can do no more. Ends with the input, `/quit` or the signal. Resolves with whether
 * everything that was asked for could be done.
 */
export async function runPlainChat(options: PlainChatOptions): Promise<boolean> {
  const { device, input, signal, withholdsRead = false, clock = systemClock } = options;
  const print = (text: string): void => void options.output.write(`${text}\n`);
  const complain = ({ message }: ParleyError): void => print(`! ${visible(message)}`);
  let isDone = true;
  const fail = (error: unknown): true => {
    isDone = false;
    complain(toParleyError(error));
    return true;
  };
  const model = new ChatModel({ device, clock, withholdsRead, onTrouble: complain });
  const lines = createInterface({ input, crlfDelay: Infinity, terminal: false });
  // From now on: what comes before somebody asks for it is lost otherwise.
  const typed = lines[Symbol.asyncIterator]();
  const stop = (): void => lines.close();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    await model.start();
    const unwatch = device.watch((event) => tell(event, model, options, print));
    try {
      print(`@${device.name}, ${connectionWords[device.state]}. /help lists commands.`);
      if (options.open !== undefined) await go(model, options.open, print).catch(fail);
      for await (const line of typed) if (!(await takeLine(model, line, print).catch(fail))) break;
    } finally {
      unwatch();
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    lines.close();
    model.stop();
  }
  return isDone;
}

type Print = (text: string) => void;

const connectionWords = {
  connected: "connected",
  connecting: "connecting to the registry",
  waiting: "waiting for the registry; what is written is accepted and goes out later",
  stopped: "stopped",
} as const;

/** What a line says or does. False when it ends the chat. */
async function takeLine(model: ChatModel, line: string, print: Print): Promise<boolean> {
  const text = line.trim();
  if (text === "") return true;
  const slash = parseSlash(text);
  if (slash !== undefined) {
    if (!("unknown" in slash)) return doCommand(model, slash, print);
    const near = slash.near === undefined ? "" : ` Did you mean /${slash.near}?`;
    throw new ParleyError("invalid_argument", { message: `There is no command /${slash.unknown}.${near}` });
  }
  const addressed = /^([#@][^\s]+)(?:\s+([\s\S]+))?$/.exec(text);
  if (addressed !== null) {
    const [, to = "", said] = addressed;
    if (said === undefined) await go(model, to, print);
    else await model.say(await model.find(to), { text: said });
    return true;
  }
  const { current } = model.state;
  if (current === undefined)
    throw new ParleyError("invalid_argument", {
      message: "Nobody is meant: /join #channel, or begin with #channel or @name.",
    });
  await model.say(current, { text: text.replace(/^\/\//, "/") });
  return true;
}

async function doCommand(model: ChatModel, command: Parameters<typeof runCommand>[1], print: Print): Promise<boolean> {
  const outcome = await runCommand(model, command);
  switch (outcome.type) {
    case "quit":
      return false;
    case "help":
      print("#channel text, @name text: says it there; text: where you are");
      for (const [what, means] of commandHelp()) print(`${what.padEnd(34)}${means}`);
      return true;
    case "done":
      print(`· ${visible(outcome.text)}`);
      return true;
    case "page":
      print(`· ${visible(outcome.title)}`);
      for (const line of outcome.lines) print(`  ${plainText(line)}`);
      return true;
    case "found":
      for (const message of outcome.messages) print(plainText(foundLine(model, message)));
      print(`· ${outcome.messages.length} found`);
      return true;
    case "open":
      if (outcome.text !== "") print(`· ${visible(outcome.text)}`);
      await go(model, outcome.key, print);
      return true;
  }
}

const plainText = (line: Line): string => visible(line.map(({ text }) => text).join(""));

/** Makes a conversation the one that is meant, and prints what was last said in it. */
async function go(model: ChatModel, name: string, print: Print): Promise<void> {
  const key = await model.find(name);
  await model.open(key);
  const conversation = model.state.conversations.get(key);
  if (conversation === undefined) return;
  for (const message of conversation.messages.slice(-shownBefore)) print(messageText(model, message));
  print(`· you are in ${visible(titleOf(conversation))}`);
}

function tell(event: DeviceEvent, model: ChatModel, { interactive }: PlainChatOptions, print: Print): void {
  switch (event.type) {
    case "message": {
      const { message, request } = event;
      if (message.own) {
        // A post comes back with its place in the history; of all else the state is told when it changes.
        if (message.state !== undefined && message.state !== "accepted") print(stateText(model, message));
        return;
      }
      print(messageText(model, message));
      if (request)
        print(
          `! @${visible(message.name)} is a stranger: /accept @${visible(message.name)} or /block @${visible(message.name)}`,
        );
      else if (interactive) void model.markRead(message);
      return;
    }
    case "message-changed":
      if (event.message.own) print(stateText(model, event.message));
      return;
    case "session":
      if (event.state === "connected" || event.state === "waiting") print(`· ${connectionWords[event.state]}`);
      return;
    case "approval-asked":
      print(`! ${visible(askedText(model.state, event.asked))}  ${askedHint(event.asked)}`);
      return;
    case "approval-closed":
      print(`· ${shortRequest(event.request)}: ${event.state}`);
      return;
    case "pairing-pending":
      print(`! @${visible(event.name)} asks to join: parley member list --pending`);
      return;
    case "operators-proposed":
      print("! another set of operators is proposed: parley operator proposals");
      return;
    case "restricted":
      print(restrictionLine(event.restriction));
      return;
    case "gap":
    case "channel-gap":
      print("! messages are missing here; parley chat shows where and why");
      return;
    case "audit":
      print(`! audit log of the registry: ${visible(event.message)} See parley audit verify`);
      return;
    default:
  }
}

function restrictionLine(restriction: (DeviceEvent & { type: "restricted" })["restriction"]): string {
  if (restriction === undefined) return "· nothing holds you back any more";
  const { kind, until, reason } = restriction;
  const end = until === undefined ? "" : ` until ${new Date(until).toLocaleTimeString("en-GB")}`;
  return `! an operator has you ${kind}${end}${reason === undefined ? "" : ` (${visible(reason)})`}`;
}

const where = ({ state }: ChatModel, { conversation }: ArchivedMessage): string => {
  const held = state.conversations.get(conversation);
  return visible(held === undefined ? conversation.slice(0, 9) : titleOf(held));
};

const stateText = (model: ChatModel, message: ArchivedMessage): string =>
  `· ${where(model, message)} ${quoted(message)}: ${factsOf(message)}${isTrouble(message.state) ? " !" : ""}`;

function quoted({ content }: ArchivedMessage): string {
  const text = visible(textContent(content)?.text ?? "").replaceAll("\n", " ");
  return `"${text.length > mostQuoted ? `${text.slice(0, mostQuoted)}…` : text}"`;
}

/** A message in one line, and more when it has more. */
function messageText(model: ChatModel, message: ArchivedMessage): string {
  const { created, name, own, via, content, unreadable, retracted } = message;
  const text = textContent(content);
  const says =
    retracted === undefined ? (text?.text ?? `[${unreadableWords(unreadable ?? "unknown")}]`) : "[retracted]";
  const who = via === undefined ? `@${visible(name)}` : `${visible(via.name)} (${viaWords(via)})`;
  const attached = (text?.attachments ?? []).map(
    (each) => `  attached: ${visible(each.name)}, ${sizeWords(each.size)}`,
  );
  const place = where(model, message);
  const to = place.startsWith("@") ? (own ? ` to ${place}` : "") : ` ${place}`;
  return [
    `${timeWords(created)}${to} ${own ? "you" : who}: ${visible(says).replaceAll("\n", "\n  ")}`,
    ...attached,
  ].join("\n");
}
