/** Does what the slash commands say, for the screen and the line mode alike. */
import type { ContactView } from "@parley/client";
import type { ArchivedMessage } from "@parley/core";
import { ParleyError, textContent } from "@parley/protocol";

import type { Line } from "../text/span.ts";
import { span } from "../text/span.ts";
import { screenLine } from "../text/text-width.ts";
import { counted, dayWords, timeWords } from "../text/words.ts";
import { answerAsked, listAsked, replyAsked, showAsked } from "./asked-commands.ts";
import type { ChatModel } from "./chat-model.ts";
import { titleOf } from "./chat-state.ts";
import { type SlashLine, slashCommands } from "./slash-command.ts";

/** What is shown of a command. */
export type CommandOutcome =
  | { readonly type: "done"; readonly text: string }
  | { readonly type: "page"; readonly title: string; readonly lines: readonly Line[] }
  /** The lists may have changed; this conversation is to be shown. */
  | { readonly type: "open"; readonly key: string; readonly text: string }
  | { readonly type: "found"; readonly query: string; readonly messages: readonly ArchivedMessage[] }
  | { readonly type: "help" }
  | { readonly type: "quit" };

const mostFound = 50;

export async function runCommand(model: ChatModel, { name, rest }: SlashLine): Promise<CommandOutcome> {
  const { conversations: api } = model.device;
  switch (name) {
    case "help":
    case "quit":
      return { type: name };
    case "channels":
      return listChannels(model);
    case "join": {
      const channel = await api.joinChannel(wanted(rest, "/join #channel"));
      model.keepChannel(channel);
      return { type: "open", key: `#${channel.channel}`, text: `You are in #${channel.name}.` };
    }
    case "leave":
      return leave(model, rest);
    case "create":
      return create(model, rest);
    case "msg":
      return message(model, rest);
    case "invite": {
      const key = currentOf(model, "channel");
      const who = wanted(rest, "/invite @name");
      await api.inviteTo(key, who);
      return done(`${who} may come in.`);
    }
    case "topic": {
      const key = currentOf(model, "channel");
      model.keepChannel(await api.changeChannel(key, { topic: rest }));
      return done("The topic was changed.");
    }
    case "members":
      return listMembers(model);
    case "accept":
    case "block":
    case "unblock":
      return decide(model, name, rest);
    case "verify":
      return verify(model, rest);
    case "secret":
      return secret(model, rest);
    case "approvals":
      return rest === "" ? listAsked(model) : showAsked(model, rest);
    case "grant":
    case "deny":
      return answerAsked(model, name, rest);
    case "reply":
      return replyAsked(model, rest);
    case "search": {
      const query = wanted(rest, "/search words");
      return { type: "found", query, messages: await api.search({ text: query, limit: mostFound }) };
    }
  }
}

const done = (text: string): CommandOutcome => ({ type: "done", text });

function wanted(rest: string, usage: string): string {
  if (rest !== "") return rest;
  throw new ParleyError("invalid_argument", { message: `Write ${usage}.` });
}

/** The current conversation, which has to be of a kind. */
function currentOf({ state }: ChatModel, kind: "channel" | "direct"): string {
  const conversation = state.current === undefined ? undefined : state.conversations.get(state.current);
  if (conversation?.kind === kind) return conversation.key;
  const what = kind === "channel" ? "a channel" : "a conversation with a member";
  throw new ParleyError("invalid_argument", { message: `Open ${what} first.` });
}

/** A member that is named, or the other side of the current conversation. */
async function memberOf(model: ChatModel, rest: string): Promise<string> {
  const [named = ""] = rest.split(/\s+/, 1);
  if (named.startsWith("@")) return model.find(named);
  return currentOf(model, "direct");
}

async function leave(model: ChatModel, rest: string): Promise<CommandOutcome> {
  const key = rest === "" ? currentOf(model, "channel") : await model.find(rest.startsWith("#") ? rest : `#${rest}`);
  const name = model.state.conversations.get(key)?.name ?? rest;
  await model.device.conversations.leaveChannel(key);
  model.forget(key);
  return done(`You left #${name}.`);
}

async function create(model: ChatModel, rest: string): Promise<CommandOutcome> {
  const [named = "", kind] = rest.split(/\s+/);
  const name = wanted(named.replace(/^#/, ""), "/create #channel [invite]");
  const channel = await model.device.conversations.createChannel({
    name,
    kind: kind === "invite" ? "invite" : "public",
  });
  model.keepChannel(channel);
  return { type: "open", key: `#${channel.channel}`, text: `#${channel.name} is there.` };
}

async function message(model: ChatModel, rest: string): Promise<CommandOutcome> {
  const match = /^(\S+)\s*([\s\S]*)$/.exec(rest);
  const [, who = "", text = ""] = match ?? [];
  const key = await model.find(wanted(who.startsWith("@") ? who : who && `@${who}`, "/msg @name [text]"));
  if (text !== "") await model.say(key, { text });
  return { type: "open", key, text: "" };
}

async function decide(model: ChatModel, what: "accept" | "block" | "unblock", rest: string): Promise<CommandOutcome> {
  const key = await memberOf(model, rest);
  await model.device.conversations[what](key);
  const contact = await model.keepContact(key);
  return done(decisions[what](`@${contact.name ?? contact.member.slice(0, 8)}`));
}

const decisions = {
  accept: (who: string) => `Messages of ${who} are taken.`,
  block: (who: string) => `What comes from ${who} is refused, here and at the registry.`,
  unblock: (who: string) => `Messages of ${who} are taken again.`,
};

async function verify(model: ChatModel, rest: string): Promise<CommandOutcome> {
  const key = await memberOf(model, rest);
  const { conversations: api } = model.device;
  if (/(?:^|\s)same$/.test(rest)) {
    await api.verify(key);
    await model.keepContact(key);
    return done("The words were the same: verified.");
  }
  const { name, words, trust } = await api.words(key);
  return {
    type: "page",
    title: `Words of @${name} and you`,
    lines: [
      [span(words.join(" "), { bold: true })],
      [],
      [span("Read them to each other by voice or in person. If they are the same on both sides:")],
      [span("/verify same", { bold: true })],
      [],
      [span(trustWords[trust])],
    ],
  };
}

const trustWords: Readonly<Record<ContactView["trust"], string>> = {
  verified: "They were compared before, and the key is still the same.",
  unverified: "They were not compared yet.",
  changed: "The key is another one than before. Nothing is sent until the words were compared.",
};

async function secret(model: ChatModel, rest: string): Promise<CommandOutcome> {
  const key = currentOf(model, "direct");
  const { conversations: api } = model.device;
  const [, act = "", given = ""] = /^(\S*)\s*([\s\S]*)$/.exec(rest) ?? [];
  if (act === "new") {
    const made = await api.newSecret(key);
    await model.keepContact(key);
    return {
      type: "page",
      title: "A new shared secret",
      lines: [
        [span(made, { bold: true })],
        [],
        [span("Give it to the other side by another way; there: /secret set …")],
        [span("It is in effect from now on, and not shown again.")],
      ],
    };
  }
  if (act === "set") {
    const strength = await api.setSecret(key, wanted(given, "/secret set SECRET"));
    await model.keepContact(key);
    return done(strength === "weak-phrase" ? "Set. The phrase is weak: it can be guessed." : "The secret is set.");
  }
  if (act === "remove") {
    await api.removeSecret(key);
    await model.keepContact(key);
    return done("The secret was removed.");
  }
  throw new ParleyError("invalid_argument", { message: "Write /secret new, /secret set SECRET or /secret remove." });
}

async function listChannels({ device }: ChatModel): Promise<CommandOutcome> {
  const channels = await device.conversations.channels();
  const lines = channels.map(({ name, kind, joined, members, topic }): Line => [
    span(`${joined ? "*" : " "} #${name}`, { bold: true }),
    span(`  ${counted(members, "member")}${kind === "invite" ? ", invite-only" : ""}`, { dim: true }),
    ...(topic === "" ? [] : [span(`  ${screenLine(topic)}`)]),
  ]);
  return { type: "page", title: "Channels (* you are in)", lines: lines.length === 0 ? [[span("none")]] : lines };
}

async function listMembers(model: ChatModel): Promise<CommandOutcome> {
  const key = currentOf(model, "channel");
  const people = await model.device.conversations.channelMembers(key);
  const conversation = model.state.conversations.get(key);
  return {
    type: "page",
    title: `In ${conversation === undefined ? "the channel" : titleOf(conversation)}`,
    lines: people.map(({ name, member, kind, owner, present }): Line => [
      span(present ? "● " : "○ ", present ? { color: "green" } : { dim: true }),
      span(`@${screenLine(name ?? member.slice(0, 8))}`, { bold: true }),
      span(
        [kind, owner ? "owner" : undefined]
          .filter(Boolean)
          .map((word) => `  ${word}`)
          .join(""),
        { dim: true },
      ),
    ]),
  };
}

/** One line of what a search found. */
export function foundLine(model: ChatModel, { conversation, created, name, content }: ArchivedMessage): Line {
  const held = model.state.conversations.get(conversation);
  return [
    span(`${dayWords(created)} ${timeWords(created)}  `, { dim: true }),
    span(`${held === undefined ? "" : screenLine(titleOf(held))} `, { dim: true }),
    span(`@${screenLine(name)} `, { bold: true }),
    span(screenLine(textContent(content)?.text ?? "")),
  ];
}

/** Keys that are no commands, for the help. */
export const keyHelp: readonly (readonly [string, string])[] = [
  ["Enter", "sends; Alt+Enter or Ctrl+J makes a new line"],
  ["Tab", "completes @name, #channel, /command; with nothing written: next conversation"],
  ["Alt/Ctrl+↑ ↓", "conversation before, after; Alt+N the next with something new"],
  ["Ctrl+K", "goes to a conversation by a few of its letters"],
  ["PgUp PgDn", "scroll back and forth; Esc: to the end"],
  ["↑ on nothing", "selects a message: r answers, t thread, + reacts, e edits, d retracts"],
  ["Ctrl+T", "thread of the selected or last message; again: closes it"],
  ["Ctrl+P Ctrl+N", "what you wrote before, after"],
  ["Ctrl+U Ctrl+W", "erases the line, the word"],
  ["Alt+A Alt+B", "accepts, blocks a stranger"],
  ["Ctrl+L", "shows the list where there is no room for it"],
  ["Ctrl+C", "ends; with something written: erases it"],
];

export const commandHelp = (): readonly (readonly [string, string])[] =>
  slashCommands.map(({ name, takes, means }) => [`/${name}${takes === "" ? "" : ` ${takes}`}`, means]);
