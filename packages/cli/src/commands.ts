import { admissionCommands } from "./admission-commands.ts";
import { scopeOptions } from "./admission-options.ts";
/** Every command of `parley`, once. */
import { agreementCommands } from "./agreement-commands.ts";
import { approvalCommands } from "./approval-commands.ts";
import { authorityCommands } from "./authority-commands.ts";
import type { CommandRow } from "./command.ts";
import { conversationCommands } from "./conversation-commands.ts";
import { delegationCommands } from "./delegation-commands.ts";
import { guardCommands } from "./guard-commands.ts";
import { leaseCommands } from "./lease-commands.ts";
import { modelOptions } from "./model-options.ts";
import { scheduledCommands } from "./scheduled-commands.ts";
import { sidecarCommands } from "./sidecar/sidecar-commands.ts";
import { skillCommands } from "./skill-commands.ts";
import { supervisorCommands } from "./supervisor-commands.ts";
import { taskCommands } from "./task-commands.ts";

/** Settings of every command that may make links. */
const linkSettings = ["link-address", "link-ports", "link-interfaces", "link-policy", "ice-servers"] as const;

/** Settings of the plain door. */
const doorSettings = [
  "chat-port",
  "chat-host",
  "chat-name",
  "chat-replay",
  "chat-rate",
  "chat-burst",
  "chat-origin",
] as const;

/** Settings of who may connect to `up`, and how. */
const transportSettings = [
  "tls-cert",
  "tls-key",
  "plaintext",
  "trusted-proxies",
  "proxy-header",
  "web-origin",
  "connections-per-address",
] as const;

/** What names one message. */
const deliveryArgument = { name: "message", means: "its id, or what parley delivery list shows of it" };

export const commandTable: readonly CommandRow[] = [
  {
    path: ["up"],
    summary: "Runs a registry on this machine",
    settings: [
      "port",
      "host",
      "data",
      "origin",
      "stun-urls",
      "turn-urls",
      "metrics",
      "blob-quota",
      "blob-total",
      ...doorSettings,
      ...transportSettings,
      "log",
    ],
    examples: [
      "parley up",
      "parley up --port 9000 --data ./registry",
      "parley up --chat-port 6667",
      "parley up --host 0.0.0.0 --origin https://mesh.example.org --tls-cert cert.pem --tls-key key.pem",
      "parley up --origin https://mesh.example.org --trusted-proxies 127.0.0.1",
    ],
    load: () => import("./commands/up.ts"),
  },
  {
    path: ["demo"],
    summary: "Runs a mesh with two sample agents on this machine and shows a direct delegate",
    arguments: [{ name: "topic", means: "what the reporter writes about", optional: true }],
    options: [
      { name: "topic", value: "TEXT", means: "the same, for `npm start -- --topic TEXT`" },
      { name: "once", means: "ends after the first report" },
      { name: "fresh", means: "forgets the mesh that an earlier demo left" },
    ],
    settings: ["port", "link-address"],
    examples: ["parley demo", "parley demo 'delivery states' --json", "parley demo --once --fresh"],
    load: () => import("./commands/demo.ts"),
  },
  {
    path: ["init"],
    summary: "Writes a new agent: manifest, instructions, a working skill, or one with a role and a model",
    arguments: [{ name: "name", means: "the agent's name; the folder's by default", optional: true }],
    options: [
      { name: "dir", short: "d", value: "DIR", means: "the folder; one with the agent's name by default" },
      ...modelOptions,
    ],
    examples: [
      "parley init my-agent",
      "parley init my-agent -d agents/first",
      "parley init chief --role coordinator",
      "parley init reader --role researcher --provider ollama --model qwen3",
    ],
    load: () => import("./commands/init.ts"),
  },
  {
    path: ["validate"],
    summary: "Checks an agent.yaml",
    arguments: [{ name: "file", means: "agent.yaml or its folder; the nearest one upward by default", optional: true }],
    examples: ["parley validate", "parley validate agents/first/agent.yaml"],
    load: () => import("./commands/validate.ts"),
  },
  {
    path: ["run"],
    summary: "Runs the agent of a folder and serves its skills",
    arguments: [
      {
        name: "agent",
        means:
          "folder, agent.yaml or module; the nearest agent.yaml upward by default; with --all the folder of the agents",
        optional: true,
      },
    ],
    options: [
      { name: "watch", means: "goes on with changed skills and a changed agent.yaml while it runs, for development" },
      { name: "all", means: "every agent of a folder of agents, each in a process that is started again when it ends" },
    ],
    settings: ["log", "strangers", "redact", ...linkSettings],
    examples: ["parley run", "parley run agents/first --log info", "parley run --watch", "parley run --all agents"],
    load: () => import("./commands/run.ts"),
  },
  {
    path: ["pair"],
    summary: "Joins a mesh with an invite, and waits until an operator approves",
    arguments: [
      {
        name: "invite",
        means: "a link, or a six-digit code; without one, goes on with the request made before",
        optional: true,
      },
    ],
    options: [
      { name: "name", value: "NAME", means: "the member's name (default: agent.yaml's, else the login name)" },
      { name: "kind", value: "KIND", means: "agent or person (default: agent beside an agent.yaml)" },
      { name: "words", value: "WORDS", means: "the six words that the operator sees, where nobody can be asked" },
      { name: "no-wait", means: "asks to join and does not wait for the answer" },
      { name: "asks", value: "TEXT", means: "a line for the operator: what it asks to join for" },
      { name: "role", value: "ROLE", means: "the role that it asks for" },
      ...scopeOptions,
      { name: "recover", means: "asks for the name of a member whose key is lost" },
    ],
    settings: ["registry", "label"],
    examples: [
      "parley pair 'http://127.0.0.1:8080/join#…'",
      "parley pair 123456 --registry https://mesh.example.org --name librarian",
    ],
    load: () => import("./commands/pair.ts"),
  },
  ...admissionCommands,
  {
    path: ["device", "invite"],
    summary: "Opens a one-time link for one more device of this member, and waits until it is used",
    options: [
      { name: "label", value: "TEXT", means: "what the new device is called, unless it says so itself" },
      { name: "life", value: "TIME", means: "how long the link lives (default: 10m)" },
    ],
    examples: ["parley device invite", "parley device invite --label phone --life 5m"],
    load: () => import("./commands/device-invite.ts"),
  },
  {
    path: ["device", "list"],
    summary: "Lists this member's devices",
    examples: ["parley device list"],
    load: () => import("./commands/device-list.ts"),
  },
  {
    path: ["device", "remove"],
    summary: "Takes a device off this member's list and replaces the encryption key",
    arguments: [{ name: "device", means: "its label or id, from parley device list" }],
    examples: ["parley device remove phone"],
    load: () => import("./commands/device-remove.ts"),
  },
  {
    path: ["door-token", "create"],
    summary: "Makes a door token, by which a program elsewhere comes in through the plain door; shown once",
    arguments: [{ name: "name", means: "what its holder is called there, for example @sensor" }],
    settings: ["data"],
    examples: ["parley door-token create @sensor", "parley door-token create @sensor --data ./registry --json"],
    load: () => import("./commands/door-token-create.ts"),
  },
  {
    path: ["door-token", "list"],
    summary: "Lists door tokens, revoked ones included",
    settings: ["data"],
    examples: ["parley door-token list"],
    load: () => import("./commands/door-token-list.ts"),
  },
  {
    path: ["door-token", "revoke"],
    summary: "Ends a door token; who came in by it is shown out within half a minute",
    arguments: [{ name: "token", means: "its id, from parley door-token list" }],
    settings: ["data"],
    examples: ["parley door-token revoke Yx3mQp0aT5e"],
    load: () => import("./commands/door-token-revoke.ts"),
  },
  {
    path: ["agents"],
    summary: "Lists agents and their skills",
    options: [
      { name: "skill", value: "SKILL", means: "only live holders of this skill, least loaded first, with its schema" },
    ],
    examples: ["parley agents", "parley agents --skill search"],
    load: () => import("./commands/agents.ts"),
  },
  {
    path: ["members"],
    summary: "Lists all members, agents and people",
    examples: ["parley members"],
    load: () => import("./commands/members.ts"),
  },
  {
    path: ["delegate"],
    summary: "Gives work to an agent and streams what comes back; Ctrl-C cancels",
    arguments: [
      { name: "skill", means: "a skill, for the least loaded live holder, or @member/skill" },
      { name: "input", means: "JSON for the skill", optional: true },
    ],
    options: [
      { name: "text", value: "TEXT", means: "words for the skill" },
      { name: "any", means: "puts it on the board, for anyone with the skill, now or later; Ctrl-C leaves it there" },
      { name: "no-wait", means: "with --any: does not wait for the result; see parley task follow" },
      { name: "priority", value: "0-9", means: "with --any: higher ones go first (default: 4)" },
      { name: "not-before", value: "TIME", means: "with --any: not begun earlier, such as 10m or 2026-11-20T14:00" },
      { name: "deadline", value: "TIME", means: "with --any: not worked on any longer (default: 1d)" },
      { name: "attempts", value: "N", means: "with --any: starts at most, before it is a dead letter (default: 3)" },
      { name: "key", value: "KEY", means: "with --any: the same key is the same task, however often it is put there" },
      {
        name: "after",
        value: "TASK",
        means: "with --any: not before this task of yours is completed",
        repeatable: true,
      },
      { name: "context", value: "ID", means: "goes on with a conversation, as the result of an earlier task names it" },
      { name: "explain", means: "says who could do it, who was chosen and why, and which path it took" },
      {
        name: "may-call",
        value: "SKILLS",
        means: "what the agent may call for you in turn, separated by commas; a * stands for any rest",
      },
      { name: "may-call-for", value: "TIME", means: "how long it may (default: as long as the task may take)" },
      {
        name: "as",
        value: "FILE",
        means: "calls for whoever gave this chain of delegations; - reads the standard input",
      },
      {
        name: "answer",
        value: "TEXT",
        means: "what to answer when the agent asks something, in order; else it is asked on the terminal",
        repeatable: true,
      },
    ],
    settings: ["time-limit", "path", "redact", ...linkSettings, "log"],
    examples: [
      'parley delegate search \'{"query":"delivery"}\'',
      "parley delegate @librarian/read --text README.md --path direct",
      'parley delegate search \'{"query":"relay"}\' --explain',
      'parley delegate @planner/plan \'{"topic":"relay"}\' --may-call search,read* --may-call-for 10m',
      'parley delegate @librarian/search \'{"query":"relay"}\' --as mine.chain',
      "parley delegate @painter/paint '{}' --answer blue",
      'parley delegate --any search \'{"query":"relay"}\' --deadline 2h --key nightly-7',
    ],
    load: () => import("./commands/delegate.ts"),
  },
  {
    path: ["ping"],
    summary: "Measures the round trip to a member and says which path it took",
    arguments: [{ name: "member", means: "@name or id" }],
    options: [{ name: "count", value: "N", means: "how many (default: 3)" }],
    settings: ["path", ...linkSettings, "log"],
    examples: ["parley ping @librarian", "parley ping @librarian --count 10 --path direct"],
    load: () => import("./commands/ping.ts"),
  },
  {
    path: ["send"],
    summary: "Sends a direct message and waits until it is delivered, or posts in a channel",
    arguments: [
      { name: "to", means: "@name or id, or '#channel' in quotes" },
      { name: "text", means: "the message; - reads it from the standard input" },
    ],
    options: [
      { name: "no-wait", means: "returns once it is accepted, which says nothing about delivery" },
      {
        name: "until",
        value: "STATE",
        means: "waits for stored, delivered, handled or read (default: delivered; in a channel stored)",
      },
      { name: "at", value: "TIME", means: "sends it then: +2h, 18:30, '2026-12-24 18:30'; see parley scheduled list" },
      { name: "timeout", value: "TIME", means: "how long to wait (default: 30s)" },
      { name: "ttl", value: "TIME", means: "after which it is worth nothing any more (default: never)" },
      { name: "thread", value: "MESSAGE", means: "the message whose thread it belongs to" },
      { name: "answers", value: "MESSAGE", means: "the message that it answers" },
      { name: "attach", value: "FILE", means: "a file to go with it; may be repeated", repeatable: true },
      { name: "keep", value: "TIME", means: "how long the registry keeps what is attached (default: 7d)" },
    ],
    settings: ["path", "redact", ...linkSettings, "log"],
    examples: [
      "parley send @ada 'the build is green'",
      "parley send '#general' 'hello, all'",
      "parley send @ada 'later is fine' --no-wait",
      "parley send @ada 'lunch in ten minutes' --ttl 10m --until handled",
      "parley send @ada 'good morning' --at 08:00",
      "parley send @ada - --path direct,turn",
      "parley send @ada 'the report' --attach report.pdf --attach data.csv",
    ],
    load: () => import("./commands/send.ts"),
  },
  {
    path: ["chat"],
    summary: "Talks with members and in channels, on the whole terminal; /help there says how",
    arguments: [{ name: "conversation", means: "what to open first: @name, or '#channel' in quotes", optional: true }],
    options: [{ name: "plain", means: "in lines, as in a pipe and where the terminal can do no more" }],
    settings: ["strangers", "read-receipts", "redact", ...linkSettings, "log"],
    examples: ["parley chat", "parley chat '#general'", "parley chat @librarian --plain"],
    load: () => import("./commands/chat.ts"),
  },
  {
    path: ["listen"],
    summary: "Prints direct messages and posts of channels as they come, from where it stopped",
    arguments: [
      {
        name: "channels",
        means:
          "these channels besides direct messages, by name; public ones are joined (default: all that were joined)",
        optional: true,
        repeatable: true,
      },
    ],
    options: [
      { name: "max", value: "N", means: "ends after so many" },
      { name: "timeout", value: "TIME", means: "ends after this time" },
      { name: "since", value: "OFFSET", means: "begins after this offset of the one channel that is named" },
      {
        name: "replay",
        value: "N",
        means: "how many posts from before a channel begins with the first time (default: 0)",
      },
      {
        name: "place",
        value: "NAME",
        means: "name under which it is kept how far each channel was taken (default: listen)",
      },
    ],
    settings: ["strangers", ...linkSettings, "log"],
    examples: [
      "parley listen",
      "parley listen --json --max 1 --timeout 60s",
      "parley listen general '#agents' --json",
      "parley listen general --since 0",
    ],
    load: () => import("./commands/listen.ts"),
  },
  ...conversationCommands,
  ...approvalCommands,
  ...guardCommands,
  ...taskCommands,
  ...delegationCommands,
  ...agreementCommands,
  ...authorityCommands,
  ...sidecarCommands,
  {
    path: ["delivery", "list"],
    summary: "Lists messages that this device sent and received, and what became of them",
    options: [
      { name: "state", value: "STATES", means: "only those in one of these states, separated by commas" },
      { name: "with", value: "MEMBER", means: "only those to or from this member" },
      { name: "in", means: "only those that came in" },
      { name: "out", means: "only those that went out" },
      { name: "pending", means: "only those that this device still has to do something about" },
      { name: "limit", value: "N", means: "the last so many (default: 50)" },
      { name: "newest", means: "the newest first" },
    ],
    examples: [
      "parley delivery list",
      "parley delivery list --out --state accepted,stored",
      "parley delivery list --state dead-lettered --with @librarian --newest",
    ],
    load: () => import("./commands/delivery-list.ts"),
  },
  {
    path: ["delivery", "show"],
    summary: "Shows all that is known of one message, and checks the receipts for it",
    arguments: [deliveryArgument],
    examples: ["parley delivery show Yx3mQp.7", "parley delivery show Yx3mQp.7 --json"],
    load: () => import("./commands/delivery-show.ts"),
  },
  {
    path: ["delivery", "redeliver"],
    summary: "Tries once more what expired, was refused or dead-lettered",
    arguments: [deliveryArgument],
    examples: ["parley delivery redeliver Yx3mQp.7", "parley delivery redeliver mailbox.17"],
    load: () => import("./commands/delivery-redeliver.ts"),
  },
  {
    path: ["delivery", "purge"],
    summary: "Makes this device forget messages that ended",
    arguments: [{ ...deliveryArgument, optional: true }],
    options: [
      { name: "state", value: "STATES", means: "only those in one of these states, separated by commas" },
      { name: "with", value: "MEMBER", means: "only those to or from this member" },
      { name: "in", means: "only those that came in" },
      { name: "out", means: "only those that went out" },
      { name: "before", value: "TIME", means: "only those older than this, for example 30d" },
      { name: "yes", means: "does not ask" },
    ],
    examples: [
      "parley delivery purge --before 30d",
      "parley delivery purge --state expired,refused --with @ada --yes",
      "parley delivery purge Yx3mQp.7",
    ],
    load: () => import("./commands/delivery-purge.ts"),
  },
  {
    path: ["attachment", "get"],
    summary: "Fetches what is attached to a message into new files",
    arguments: [
      { name: "message", means: "the message's id, as parley listen prints it" },
      { name: "name", means: "one attachment's name or id; all by default", optional: true },
    ],
    options: [{ name: "out", value: "FILE", means: "the file to write; must not exist (default: its name, here)" }],
    settings: ["log"],
    examples: [
      "parley attachment get Yx3mQp0aT5eJ9uWc.7",
      "parley attachment get Yx3mQp0aT5eJ9uWc.7 report.pdf --out ~/report.pdf",
    ],
    load: () => import("./commands/attachment-get.ts"),
  },
  {
    path: ["metrics"],
    summary: "Shows what the running device of this home has counted",
    options: [{ name: "prometheus", means: "in the text format of Prometheus" }],
    examples: ["parley metrics", "parley metrics --json", "parley metrics --prometheus"],
    load: () => import("./commands/metrics.ts"),
  },
  {
    path: ["identity", "show"],
    summary: "Shows this member, its device and its mesh",
    examples: ["parley identity show"],
    load: () => import("./commands/identity-show.ts"),
  },
  {
    path: ["identity", "export"],
    summary: "Writes this member's keys to a file, sealed with a passphrase",
    arguments: [{ name: "file", means: "the file to write; must not exist" }],
    examples: ["parley identity export ada.parley"],
    load: () => import("./commands/identity-export.ts"),
  },
  {
    path: ["identity", "protect"],
    summary: "Puts the private keys of this home under a passphrase or into the keyring",
    options: [
      { name: "passphrase", means: "under a passphrase, which is asked for or read as --passphrase-file says" },
      { name: "keyring", means: "the system's keyring opens them while the person's session is unlocked" },
    ],
    examples: ["parley identity protect --passphrase", "parley identity protect --keyring"],
    load: () => import("./commands/identity-protect.ts"),
  },
  {
    path: ["identity", "unprotect"],
    summary: "Keeps the private keys of this home as they are, readable by its owner alone",
    examples: ["parley identity unprotect"],
    load: () => import("./commands/identity-unprotect.ts"),
  },
  {
    path: ["identity", "rotate"],
    summary: "Gives this member a new root key; its id, its name and its devices stay",
    examples: ["parley identity rotate"],
    load: () => import("./commands/identity-rotate.ts"),
  },
  {
    path: ["identity", "import"],
    summary: "Restores a member from an exported file into an empty home folder",
    arguments: [{ name: "file", means: "what parley identity export wrote" }],
    examples: ["parley identity import ada.parley --home ~/restored"],
    load: () => import("./commands/identity-import.ts"),
  },
  {
    path: ["config", "show"],
    summary: "Shows each setting, its value and where it comes from",
    settings: [],
    examples: ["parley config show", "parley config show --json"],
    load: () => import("./commands/config-show.ts"),
  },
  {
    path: ["turn", "config"],
    summary: "Prints a configuration of coturn for this mesh; PARLEY_TURN_SECRET is its secret",
    options: [
      { name: "realm", value: "NAME", means: "the domain of the TURN server (default: turn.example.org)" },
      { name: "listen", value: "ADDRESSES", means: "addresses to listen on, separated by commas (default: all)" },
      { name: "external-ip", value: "ADDRESS", means: "its public address behind a NAT, or PUBLIC/PRIVATE" },
      { name: "listening-port", value: "N", means: "its port (default: 3478)" },
      { name: "relay-ports", value: "FROM-TO", means: "UDP ports of relayed traffic (default: 49152-65535)" },
    ],
    examples: [
      "parley turn config --realm turn.example.org",
      "parley turn config --external-ip 198.51.100.7/10.0.0.7 --relay-ports 50000-50999",
    ],
    load: () => import("./commands/turn-config.ts"),
  },
  {
    path: ["doctor"],
    summary: "Looks for what is wrong with this device, its registry and its network, and says what to do",
    options: [{ name: "to", value: "MEMBER", means: "dials this member as well, and compares with what to expect" }],
    settings: ["registry", "port", "host", "data", ...linkSettings],
    examples: ["parley doctor", "parley doctor --json", "parley doctor --to @librarian"],
    load: () => import("./commands/doctor.ts"),
  },
  {
    path: ["key", "create"],
    summary: "Makes an API key, by which a script asks the registry in this member's name; shown once",
    options: [
      { name: "name", value: "NAME", means: "what it is for" },
      {
        name: "scope",
        value: "SCOPES",
        means:
          "what it may do, separated by commas: directory:read, channels:read, metrics:read, blobs:read, blobs:write",
        repeatable: true,
      },
      { name: "life", value: "TIME", means: "how long it lives, at most 365d (default: 90d)" },
      {
        name: "from",
        value: "ADDRESSES",
        means: "addresses or ranges that it is good from, separated by commas (default: any)",
        repeatable: true,
      },
    ],
    examples: [
      "parley key create --name ci --scope directory:read",
      "parley key create --name prometheus --scope metrics:read --life 365d --from 10.0.0.0/8",
      "parley key create --name backup --scope blobs:read,channels:read --json",
    ],
    load: () => import("./commands/key-create.ts"),
  },
  {
    path: ["key", "list"],
    summary: "Lists this member's API keys",
    examples: ["parley key list", "parley key list --json"],
    load: () => import("./commands/key-list.ts"),
  },
  {
    path: ["key", "revoke"],
    summary: "Ends an API key at once; an operator ends anybody's",
    arguments: [{ name: "key", means: "its id, from parley key list" }],
    examples: ["parley key revoke 4fXk2QmVbT9z"],
    load: () => import("./commands/key-revoke.ts"),
  },
  {
    path: ["session-token"],
    summary: "Prints a session token of this device, good for five minutes",
    options: [
      {
        name: "audience",
        value: "NAME",
        means:
          "the service that it is for and that verifies it by the registry's published keys (default: the registry)",
      },
    ],
    examples: ["parley session-token", "parley session-token --audience https://ci.example.org"],
    load: () => import("./commands/session-token.ts"),
  },
  {
    path: ["audit", "list"],
    summary: "Lists what was done to the mesh's control plane, newest last",
    options: [
      { name: "act", value: "ACT", means: "only this act, such as member.revoked, or all of member" },
      { name: "by", value: "WHO", means: "only what this member, device, node or address did" },
      { name: "since", value: "TIME", means: "not older: 2h ago, or a time such as 2026-11-20" },
      { name: "until", value: "TIME", means: "older than that" },
      { name: "limit", value: "N", means: "how many (default: 50)" },
      { name: "follow", means: "goes on with what comes, until Ctrl-C" },
    ],
    examples: [
      "parley audit list",
      "parley audit list --act member --since 7d --json",
      "parley audit list --by @ada --follow",
    ],
    load: () => import("./commands/audit-list.ts"),
  },
  {
    path: ["audit", "verify"],
    summary: "Verifies the audit log against what was seen before, or an exported file",
    arguments: [
      { name: "file", means: "what parley audit export wrote; the registry's log by default", optional: true },
    ],
    options: [
      { name: "mesh", value: "ID", means: "the mesh that the file is of (default: this home's)" },
      { name: "all", means: "every entry again, not only those that are new" },
      { name: "accept", means: "takes the log as it is from now on, after you found out why it is another" },
    ],
    examples: ["parley audit verify", "parley audit verify audit.jsonl", "parley audit verify --all --json"],
    load: () => import("./commands/audit-verify.ts"),
  },
  {
    path: ["audit", "export"],
    summary: "Writes the whole audit log to a file that can be verified elsewhere",
    arguments: [{ name: "file", means: "the file to write; must not exist" }],
    examples: ["parley audit export audit.jsonl"],
    load: () => import("./commands/audit-export.ts"),
  },
  ...supervisorCommands,
  ...skillCommands,
  ...leaseCommands,
  ...scheduledCommands,
];
