/** The commands about what is said: part of the one table. */
import type { CommandArgument, CommandOption, CommandRow } from "./command.ts";

/** How long, and why, somebody is muted in a channel or kept out of it. */
const channelRestrictionOptions = [
  { name: "for", value: "TIME", means: "after which it ends by itself, for example 1h (default: until it is lifted)" },
  { name: "reason", value: "TEXT", means: "why; whoever is refused is told" },
] as const;

const member: CommandArgument = { name: "member", means: "@name or id" };
const channel: CommandArgument = { name: "channel", means: "its name, with its # (in quotes) or without" };
const conversation: CommandArgument = { name: "conversation", means: "@name, or '#channel' in quotes" };
const message: CommandArgument = { name: "message", means: "its id, or what parley history shows of it" };
const timeout: CommandOption = { name: "timeout", value: "TIME", means: "how long to wait (default: 30s)" };

const historyOptions: readonly CommandOption[] = [
  { name: "max", value: "N", means: "the last so many (default: 50)" },
  { name: "thread", value: "MESSAGE", means: "only the thread that begins with this message" },
  { name: "read", means: "says that they were read, unless read-receipts withholds it" },
];

const channelCommands: readonly CommandRow[] = [
  {
    path: ["channel", "create"],
    summary: "Makes a channel",
    arguments: [{ name: "channel", means: "its name: up to 31 letters, digits, _ and -" }],
    options: [
      { name: "invite-only", means: "only for those who are invited, and encrypted between them" },
      { name: "topic", value: "TEXT", means: "what it is about" },
      { name: "history", value: "WHICH", means: "what newcomers read: all, or joined for what comes after them" },
      { name: "keep-posts", value: "N", means: "how many posts the registry keeps (default: 100000)" },
      { name: "keep-mib", value: "MIB", means: "how much of them it keeps (default: 256)" },
      { name: "keep-for", value: "TIME", means: "how long it keeps them (default: 365d)" },
    ],
    examples: [
      "parley channel create builds --topic 'what the builders say'",
      "parley channel create plans --invite-only --history joined",
    ],
    load: () => import("./commands/channel-create.ts"),
  },
  {
    path: ["channel", "list"],
    summary: "Lists channels",
    options: [
      { name: "joined", means: "only those that this member is in" },
      { name: "archived", means: "those that were archived, too" },
    ],
    examples: ["parley channel list", "parley channel list --joined --json"],
    load: () => import("./commands/channel-list.ts"),
  },
  {
    path: ["channel", "join"],
    summary: "Comes into a channel",
    arguments: [channel],
    examples: ["parley channel join general", "parley channel join '#agents'"],
    load: () => import("./commands/channel-join.ts"),
  },
  {
    path: ["channel", "leave"],
    summary: "Leaves a channel; what this device remembers of it stays",
    arguments: [channel],
    examples: ["parley channel leave general"],
    load: () => import("./commands/channel-leave.ts"),
  },
  {
    path: ["channel", "invite"],
    summary: "Lets a member come into a channel",
    arguments: [channel, member],
    examples: ["parley channel invite plans @bob"],
    load: () => import("./commands/channel-invite.ts"),
  },
  {
    path: ["channel", "kick"],
    summary: "Takes a member out of a channel, or an invitation back",
    arguments: [channel, member],
    examples: ["parley channel kick plans @bob"],
    load: () => import("./commands/channel-kick.ts"),
  },
  {
    path: ["channel", "mute"],
    summary: "Mutes a member in a channel: it reads there and does not write",
    arguments: [channel, member],
    options: channelRestrictionOptions,
    examples: ["parley channel mute plans @bob --for 1h --reason 'too loud'"],
    load: async () => (await import("./commands/channel-restrict.ts")).mute,
  },
  {
    path: ["channel", "unmute"],
    summary: "Lets a member that was muted in a channel write again",
    arguments: [channel, member],
    examples: ["parley channel unmute plans @bob"],
    load: async () => (await import("./commands/channel-restrict.ts")).unmute,
  },
  {
    path: ["channel", "ban"],
    summary: "Takes a member out of a channel and keeps it out",
    arguments: [channel, member],
    options: channelRestrictionOptions,
    examples: ["parley channel ban plans @bob --for 1d"],
    load: async () => (await import("./commands/channel-restrict.ts")).ban,
  },
  {
    path: ["channel", "unban"],
    summary: "Lets a member that was banned from a channel come in again",
    arguments: [channel, member],
    examples: ["parley channel unban plans @bob"],
    load: async () => (await import("./commands/channel-restrict.ts")).unban,
  },
  {
    path: ["channel", "members"],
    summary: "Lists who is in a channel",
    arguments: [channel],
    examples: ["parley channel members general"],
    load: () => import("./commands/channel-members.ts"),
  },
  {
    path: ["channel", "topic"],
    summary: "Shows what a channel is about, or says it anew",
    arguments: [channel, { name: "topic", means: "one line; without it the topic is shown", optional: true }],
    examples: ["parley channel topic general", "parley channel topic builds 'release 2'"],
    load: () => import("./commands/channel-topic.ts"),
  },
  {
    path: ["channel", "history"],
    summary: "Prints the last posts of a channel",
    arguments: [channel],
    options: historyOptions,
    settings: ["read-receipts"],
    examples: ["parley channel history general --max 20", "parley channel history plans --thread Yx3mQp0a"],
    load: () => import("./commands/history.ts"),
  },
  {
    path: ["channel", "archive"],
    summary: "Closes a channel for writing; it can still be read",
    arguments: [channel],
    options: [{ name: "undo", means: "opens it again" }],
    examples: ["parley channel archive builds", "parley channel archive builds --undo"],
    load: () => import("./commands/channel-archive.ts"),
  },
];

const contactCommands: readonly CommandRow[] = [
  {
    path: ["contact", "list"],
    summary: "Lists who wrote, who was written to, who is blocked, and who waits to be accepted",
    options: [{ name: "standing", value: "WHICH", means: "only these: request, accepted, blocked or unknown" }],
    examples: ["parley contact list", "parley contact list --standing request"],
    load: () => import("./commands/contact-list.ts"),
  },
  {
    path: ["contact", "show"],
    summary: "Shows where a member stands with this one",
    arguments: [member],
    examples: ["parley contact show @bob"],
    load: () => import("./commands/contact-show.ts"),
  },
  {
    path: ["contact", "accept"],
    summary: "Takes messages of a member that asked",
    arguments: [member],
    examples: ["parley contact accept @bob"],
    load: () => import("./commands/contact-accept.ts"),
  },
  {
    path: ["contact", "block"],
    summary: "Takes no messages of a member, on any device, and lets the registry refuse them",
    arguments: [member],
    examples: ["parley contact block @pest"],
    load: () => import("./commands/contact-block.ts"),
  },
  {
    path: ["contact", "unblock"],
    summary: "Ends a block",
    arguments: [member],
    examples: ["parley contact unblock @pest"],
    load: () => import("./commands/contact-unblock.ts"),
  },
  {
    path: ["verify"],
    summary: "Prints twelve words to compare with a member by voice, so that nobody stands between",
    arguments: [member],
    options: [{ name: "confirm", means: "says that the words are the same on both sides" }],
    examples: ["parley verify @bob", "parley verify @bob --confirm"],
    load: () => import("./commands/verify.ts"),
  },
  {
    path: ["secret", "new"],
    summary: "Makes a secret that protects a conversation, and prints it once for the other side",
    arguments: [member],
    examples: ["parley secret new @bob"],
    load: () => import("./commands/secret-new.ts"),
  },
  {
    path: ["secret", "set"],
    summary:
      "Sets a secret that the other side made, or a phrase that both know; asks for it, or reads it from the standard input",
    arguments: [member],
    examples: ["parley secret set @ada"],
    load: () => import("./commands/secret-set.ts"),
  },
  {
    path: ["secret", "remove"],
    summary: "Forgets the secret of a conversation",
    arguments: [member],
    examples: ["parley secret remove @bob"],
    load: () => import("./commands/secret-remove.ts"),
  },
];

const messageCommands: readonly CommandRow[] = [
  {
    path: ["message", "edit"],
    summary: "Replaces the text of one's own message",
    arguments: [conversation, message, { name: "text", means: "the new text; - reads it from the standard input" }],
    options: [timeout],
    examples: ["parley message edit @ada Yx3mQp.7 'at four, not three'"],
    load: () => import("./commands/message-edit.ts"),
  },
  {
    path: ["message", "retract"],
    summary: "Takes one's own message back",
    arguments: [conversation, message],
    options: [timeout],
    examples: ["parley message retract @ada Yx3mQp.7"],
    load: () => import("./commands/message-retract.ts"),
  },
  {
    path: ["message", "react"],
    summary: "Reacts to a message",
    arguments: [conversation, message, { name: "reaction", means: "an emoji, or a short word" }],
    options: [{ name: "off", means: "withdraws it" }, timeout],
    examples: ["parley message react '#general' Yx3mQp0a 👍", "parley message react @ada Yx3mQp.7 👍 --off"],
    load: () => import("./commands/message-react.ts"),
  },
];

export const conversationCommands: readonly CommandRow[] = [
  {
    path: ["history"],
    summary: "Prints the last messages of a conversation",
    arguments: [conversation],
    options: historyOptions,
    settings: ["read-receipts"],
    examples: [
      "parley history @ada",
      "parley history '#general' --max 200 --json",
      "parley history @ada --thread Yx3mQp.7",
    ],
    load: () => import("./commands/history.ts"),
  },
  {
    path: ["search"],
    summary: "Finds messages that this device remembers, by their words",
    arguments: [
      { name: "words", means: "all of them are in the text; beginnings of words are enough", repeatable: true },
    ],
    options: [
      { name: "in", value: "CONVERSATION", means: "only there: @name, or '#channel' in quotes" },
      { name: "from", value: "MEMBER", means: "only what this member said" },
      { name: "max", value: "N", means: "the newest so many (default: 50)" },
    ],
    examples: ["parley search green build", "parley search release --in '#general' --from @ada"],
    load: () => import("./commands/search.ts"),
  },
  {
    path: ["export"],
    summary: "Writes a whole conversation as JSON lines",
    arguments: [conversation],
    options: [{ name: "output", value: "FILE", means: "the file to write; must not exist (default: standard output)" }],
    examples: ["parley export @ada --output ada.jsonl", "parley export '#general'"],
    load: () => import("./commands/export.ts"),
  },
  {
    path: ["status"],
    summary: "Shows how this device stands with the registry and others, and what waits: unread, requests, outbox",
    examples: ["parley status", "parley status --json"],
    load: () => import("./commands/status.ts"),
  },
  ...channelCommands,
  ...messageCommands,
  ...contactCommands,
];
