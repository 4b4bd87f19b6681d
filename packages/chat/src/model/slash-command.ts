/** The commands that may be written in a chat, once. */
import { fuzzyFilter } from "./fuzzy.ts";

export const slashCommands = [
  { name: "join", takes: "#channel", means: "comes into a channel and opens it" },
  { name: "leave", takes: "[#channel]", means: "leaves a channel" },
  { name: "channels", takes: "", means: "lists channels" },
  { name: "msg", takes: "@name [text]", means: "opens a conversation with a member, or says something there" },
  {
    name: "create",
    takes: "#channel [invite]",
    means: "makes a channel; invite: encrypted, for those who are invited",
  },
  { name: "invite", takes: "@name", means: "lets a member come into this channel" },
  { name: "topic", takes: "text", means: "says what this channel is about" },
  { name: "members", takes: "", means: "lists who is in this channel" },
  { name: "accept", takes: "[@name]", means: "takes messages of somebody who asked" },
  { name: "block", takes: "[@name]", means: "refuses what comes from a member" },
  { name: "unblock", takes: "@name", means: "takes it again" },
  { name: "verify", takes: "[@name] [same]", means: "shows the words to compare; same: they were the same" },
  {
    name: "secret",
    takes: "new | set SECRET | remove",
    means: "a secret that only the two of you know, on top of all else",
  },
  { name: "approvals", takes: "[id]", means: "lists what waits for your yes, no or words; with an id all of it" },
  { name: "grant", takes: "id…", means: "says yes to exactly what was asked" },
  { name: "deny", takes: "id…", means: "says no" },
  { name: "reply", takes: "id text", means: "answers a question of an agent" },
  { name: "search", takes: "words", means: "finds messages on this device" },
  { name: "help", takes: "", means: "shows keys and commands" },
  { name: "quit", takes: "", means: "ends the chat" },
] as const;

type SlashName = (typeof slashCommands)[number]["name"];

export interface SlashLine {
  readonly name: SlashName;
  /** What follows the name, without spaces around it. */
  readonly rest: string;
}

/**
 * Reads a line. Undefined for one that is no command: what does not begin with `/`, or begins with `//`, which says the rest
 * of it with one slash. An unknown command gives the one that is nearest to it.
 */
export function parseSlash(
  line: string,
): SlashLine | { readonly unknown: string; readonly near: string | undefined } | undefined {
  const match = /^\/(?!\/)(\S*)\s*([\s\S]*)$/.exec(line);
  if (match === null) return undefined;
  const [, word = "", rest = ""] = match;
  const found = slashCommands.find(({ name }) => name === word.toLowerCase());
  if (found !== undefined) return { name: found.name, rest: rest.trim() };
  return { unknown: word, near: nearCommand(word.toLowerCase()) };
}

/** The command that begins so, else one with nearly the same letters. */
function nearCommand(word: string): string | undefined {
  const beginning = fuzzyFilter(word, slashCommands, ({ name }) => name)[0]?.name;
  if (beginning !== undefined) return beginning;
  const letters = (text: string): string => Array.from(text).toSorted().join("");
  return slashCommands.find(({ name }) => isNear(letters(name), letters(word)))?.name;
}

/** The same but for one letter too much, too few or another. */
function isNear(one: string, other: string): boolean {
  let at = 0;
  while (at < one.length && one[at] === other[at]) at++;
  const rests = [one.slice(at + 1), one.slice(at)];
  return (
    one === other ||
    rests[0] === other.slice(at + 1) ||
    rests[0] === other.slice(at) ||
    rests[1] === other.slice(at + 1)
  );
}
