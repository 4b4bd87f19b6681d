import type { LogLine } from "@parley/client";
import { pino } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LogOptions {
  /** Where lines go, each with its newline. */
  readonly write: (line: string) => void;
  /** Single lines for people instead of JSON. Default false. */
  readonly pretty?: boolean;
  /** With `pretty`: ANSI colours. Default false. */
  readonly colour?: boolean;
  /** Default `info`. */
  readonly level?: LogLevel;
}

/** Fields whose values are never written, whoever passes them. */
const secret = [
  "token",
  "secret",
  "password",
  "passphrase",
  "authorization",
  "apiKey",
  "api_key",
  "privateKey",
  "key",
  "code6",
];
/** Fields that would be content. */
const content = ["input", "output", "text", "message.text", "body"];
/** Characters of one line for people. */
const maxLine = 2_000;

/** Structured logs by pino: one JSON object per line, or one readable line on a terminal. */
export function createLog(options: LogOptions): LogLine {
  const write =
    options.pretty === true ? (line: string) => options.write(readable(line, options.colour === true)) : options.write;
  const logger = pino(
    {
      level: options.level ?? "info",
      base: null,
      messageKey: "event",
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: [...secret, ...secret.map((name) => `*.${name}`), ...content], censor: "[left out]" },
    },
    { write },
  );
  return (level, event, fields) => logger[level](fields ?? {}, event);
}

const colours: Readonly<Record<string, string>> = {
  debug: "\u001B[2m",
  info: "\u001B[36m",
  warn: "\u001B[33m",
  error: "\u001B[31m",
};

function readable(line: string, colour: boolean): string {
  const { level, time, event, ...fields } = JSON.parse(line) as Readonly<Record<string, unknown>>;
  const paint = (text: string, code: string): string => (colour ? `${code}${text}\u001B[0m` : text);
  const clock = String(time).slice(11, 19);
  const facts = Object.entries(fields).map(([name, value]) => `${paint(`${name}=`, "\u001B[2m")}${plain(value)}`);
  const text = [
    paint(clock, "\u001B[2m"),
    paint(String(level).padEnd(5), colours[String(level)] ?? ""),
    String(event),
    ...facts,
  ].join(" ");
  return `${text.slice(0, maxLine)}\n`;
}

function plain(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  // Line breaks and control characters would forge lines.
  return /^[\w.:@/+,-]+$/.test(text) ? text : JSON.stringify(text);
}
