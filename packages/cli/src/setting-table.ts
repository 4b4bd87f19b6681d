/**
 * Every setting, once: its name is the flag (`--data`), the variable (`PARLEY_DATA`) and the key of parley.yaml (`data`).
 * docs/configuration.md is generated from this table.
 */
export interface SettingRow {
  readonly kind: "text" | "path" | "file" | "url" | "integer" | "duration" | "flag" | "list" | "choice" | "ports";
  readonly means: string;
  /** As it would be written; undefined for none. */
  readonly default?: string;
  /** What stands for the value in help. */
  readonly value?: string;
  readonly least?: number;
  readonly most?: number;
  /** For `choice`, and for the entries of a `list`. */
  readonly choices?: readonly string[];
  /** Kept off the command line, where other processes could read it; never printed. */
  readonly secret?: true;
  /** When the default is not a fixed value: what it is. */
  readonly defaultMeans?: string;
}

export const settingTable = {
  home: {
    kind: "path",
    value: "DIR",
    means: "Home folder of the device: its keys, its mesh, its journal.",
    defaultMeans: "`.parley` beside the nearest agent.yaml, else `~/.parley`",
  },
  json: {
    kind: "flag",
    means: "Prints JSON for programs: one object, or one per line for what streams.",
    default: "false",
  },
  registry: {
    kind: "url",
    value: "URL",
    means: "Registry to pair with when a code, which has no address in it, is given.",
    default: "http://127.0.0.1:8080",
  },
  host: { kind: "text", value: "ADDRESS", means: "Address on which `up` listens.", default: "127.0.0.1" },
  port: {
    kind: "integer",
    value: "N",
    least: 0,
    most: 65_535,
    means: "Port on which `up` listens; 0 takes a free one.",
    default: "8080",
  },
  data: {
    kind: "path",
    value: "DIR",
    means: "Data folder of `up`: the registry's database and its node key.",
    default: "~/.parley-registry",
  },
  origin: {
    kind: "url",
    value: "URL",
    means: "Address under which others reach the registry, when a proxy stands before it.",
    defaultMeans: "the address on which it listens",
  },
  "stun-urls": {
    kind: "list",
    value: "URLS",
    means: "STUN servers that the registry names to devices, as `stun:host:port`.",
    defaultMeans: "none, so that no third party learns of a dial",
  },
  "turn-urls": {
    kind: "list",
    value: "URLS",
    means: "TURN servers that share `turn-secret` with the registry, as `turn:host:port`.",
    defaultMeans: "none",
  },
  "turn-secret": {
    kind: "text",
    secret: true,
    means: "Secret that the TURN servers share with the registry (`use-auth-secret` of coturn).",
    defaultMeans: "none",
  },
  metrics: {
    kind: "flag",
    means: "Serves /metrics wherever the registry listens; without it only on the loopback, behind no proxy.",
    default: "false",
  },
  "chat-port": {
    kind: "integer",
    value: "N",
    least: 0,
    most: 65_535,
    means: "Opens the plain door: on this port, and at `/chat` of the registry; 0 takes a free port.",
    defaultMeans: "no plain door",
  },
  "chat-host": {
    kind: "text",
    value: "ADDRESS",
    means: "Address on which the plain door listens; guests come in by the loopback only.",
    default: "127.0.0.1",
  },
  "chat-name": {
    kind: "text",
    value: "TEXT",
    means: "What the plain door calls itself in WELCOME.",
    default: "parley",
  },
  "chat-replay": {
    kind: "integer",
    value: "N",
    least: 0,
    most: 200,
    means: "How many posts from before a door client gets when it joins a channel.",
    default: "20",
  },
  "chat-rate": {
    kind: "integer",
    value: "N",
    least: 1,
    most: 1000,
    means: "Posts and messages a second of one door client.",
    default: "1",
  },
  "chat-burst": {
    kind: "integer",
    value: "N",
    least: 1,
    most: 10_000,
    means: "How many posts and messages a door client may send in one go after it was silent.",
    default: "10",
  },
  "chat-origin": {
    kind: "list",
    value: "ORIGINS",
    means: "Origins of web pages that may use the plain door, as `https://chat.example.org`.",
    defaultMeans: "none",
  },
  "tls-cert": {
    kind: "file",
    value: "FILE",
    means:
      "Certificate of `up`, PEM, those that certify it behind it: with `tls-key` the registry and the plain door speak TLS. Read again when it changes, and on SIGHUP.",
    defaultMeans: "none",
  },
  "tls-key": { kind: "file", value: "FILE", means: "Private key of `tls-cert`, PEM.", defaultMeans: "none" },
  plaintext: {
    kind: "flag",
    means: "Lets `up` listen without TLS on an address that other machines reach.",
    default: "false",
  },
  "trusted-proxies": {
    kind: "list",
    value: "LIST",
    means:
      "Proxies in front of `up`, as addresses or networks (`10.0.0.0/8`): only what they say of where a request comes from is believed. Without TLS nobody else may connect but this machine.",
    defaultMeans: "none",
  },
  "proxy-header": {
    kind: "choice",
    value: "NAME",
    choices: ["x-forwarded-for", "forwarded"],
    means: "Header in which those proxies say it; they have to set or drop it themselves.",
    default: "x-forwarded-for",
  },
  "web-origin": {
    kind: "list",
    value: "ORIGINS",
    means: "Origins of web pages, other than its own, that may use the registry, as `https://hub.example.org`.",
    defaultMeans: "none",
  },
  "connections-per-address": {
    kind: "integer",
    value: "N",
    least: 1,
    most: 20_000,
    means: "Connections that `up` takes of one address (IPv6: of one /64) at the same time.",
    default: "512",
  },
  "blob-quota": {
    kind: "integer",
    value: "MIB",
    least: 0,
    most: 1_048_576,
    means: "MiB of attachments that one member may have at the registry.",
    default: "256",
  },
  "blob-total": {
    kind: "integer",
    value: "MIB",
    least: 0,
    most: 1_073_741_824,
    means: "MiB of attachments that `up` keeps in all.",
    default: "8192",
  },
  label: {
    kind: "text",
    value: "TEXT",
    means: "What this device is called in lists.",
    defaultMeans: "the machine's name",
  },
  path: {
    kind: "list",
    value: "PATHS",
    choices: ["direct", "turn", "relay", "mailbox"],
    means: "Paths that may be used, separated by commas.",
    defaultMeans: "all",
  },
  "time-limit": {
    kind: "duration",
    value: "TIME",
    least: 1,
    most: 3_600_000,
    means: "How long a delegated task may take, for example `90s` or `10m`.",
    default: "5m",
  },
  "link-address": { kind: "text", value: "ADDRESS", means: "Local address to which links bind.", defaultMeans: "all" },
  "link-ports": { kind: "ports", value: "FROM-TO", means: "UDP ports that links may use.", defaultMeans: "any" },
  "link-interfaces": {
    kind: "list",
    value: "LIST",
    means:
      "Network interfaces that links may use: names (`eth0`) or ranges (`10.0.0.0/8`); with `!` in front, those that they may not.",
    defaultMeans: "all",
  },
  "ice-servers": {
    kind: "list",
    value: "URLS",
    means:
      "STUN and TURN servers of this device's own, besides the registry's, as `stun:host:port` or `turn:host:port`.",
    defaultMeans: "none",
  },
  "ice-username": {
    kind: "text",
    secret: true,
    means: "Name for the TURN servers of `ice-servers`.",
    defaultMeans: "none",
  },
  "ice-credential": {
    kind: "text",
    secret: true,
    means: "Password for the TURN servers of `ice-servers`.",
    defaultMeans: "none",
  },
  "link-policy": {
    kind: "choice",
    value: "POLICY",
    choices: ["all", "relay"],
    means: "`relay` makes links through TURN only.",
    default: "all",
  },
  strangers: {
    kind: "choice",
    value: "HOW",
    choices: ["ask", "guests", "take"],
    means:
      "`ask` lets whoever is not known write a few messages and then wait to be accepted; `guests` asks this of guests and of those who come through an edge only; `take` takes all.",
    defaultMeans: "`ask` for a person, `guests` for an agent",
  },
  "read-receipts": {
    kind: "choice",
    value: "HOW",
    choices: ["send", "withhold"],
    means: "Whether others hear that this member read what they wrote.",
    default: "send",
  },
  redact: {
    kind: "choice",
    value: "HOW",
    choices: ["on", "off"],
    means: "`on` replaces what looks like a secret in what leaves this device by a mark; see docs/guards.md.",
    default: "off",
  },
  log: {
    kind: "choice",
    value: "LEVEL",
    choices: ["error", "warn", "info", "debug"],
    means: "How much is logged to the standard error output.",
    default: "warn",
  },
  passphrase: {
    kind: "text",
    secret: true,
    means: "Passphrase of protected keys or of an exported identity, where nobody can be asked for it.",
    defaultMeans: "asked for on the terminal",
  },
  "passphrase-file": {
    kind: "file",
    value: "FILE",
    means: "File whose first line is the passphrase; nobody else may read it. `/dev/fd/3` reads a file descriptor.",
    defaultMeans: "none",
  },
} as const satisfies Record<string, SettingRow>;

export type SettingName = keyof typeof settingTable;
export const settingNames = Object.keys(settingTable) as readonly SettingName[];

/** Settings of every command. */
export const commonSettings: readonly SettingName[] = ["home", "passphrase-file", "json"];

interface KindValues {
  readonly text: string;
  readonly path: string;
  readonly file: string;
  readonly url: string;
  readonly integer: number;
  /** Milliseconds. */
  readonly duration: number;
  readonly flag: boolean;
  readonly list: readonly string[];
  readonly choice: string;
  readonly ports: readonly [number, number];
}
type Row<Name extends SettingName> = (typeof settingTable)[Name];

/** What a setting's value is in the program; undefined when it has no default. */
export type SettingValue<Name extends SettingName> =
  | KindValues[Row<Name>["kind"]]
  | (Row<Name> extends { default: string } ? never : undefined);

/** The variable of a setting: `time-limit` is `PARLEY_TIME_LIMIT`. */
export const variableOf = (name: string): string => `PARLEY_${name.replaceAll("-", "_").toUpperCase()}`;
