/** What is said about messages, in the words of the glossary. */
import type { ArchivedMessage, Protection } from "@parley/core";
import type { DeliveryState, Path, Via } from "@parley/protocol";

const protections: Readonly<Record<Protection, string>> = {
  sealed: "sealed between devices",
  secret: "sealed, with the shared secret on top",
  group: "sealed to the channel's members (MLS)",
  signed: "signed by its author, readable by the registry",
  door: "through the plain door: vouched for by the door alone, readable by the registry",
};

const paths: Readonly<Record<Path, string>> = {
  direct: "direct, over a link",
  turn: "turn, over a link through TURN",
  relay: "relay, sealed through the registry",
  mailbox: "mailbox, sealed and stored at the registry",
};

const states: Readonly<Record<DeliveryState, string>> = {
  accepted: "accepted: on this device's disk, on its way",
  stored: "stored: the registry keeps it",
  delivered: "delivered: a device of the recipient has it",
  handled: "handled: the recipient's program took it",
  read: "read: a person saw it",
  expired: "expired: its time was over",
  refused: "refused: it was not taken",
  "dead-lettered": "dead-lettered: it was put aside",
};

const unreadables: Readonly<Record<NonNullable<ArchivedMessage["unreadable"]>, string>> = {
  "no-secret": "cannot be read: it is sealed with a shared secret that this device does not have (/secret set …)",
  "wrong-secret": "cannot be read: it is sealed with another shared secret (/secret set …)",
  "no-group": "cannot be read: this device was not in the channel's group then",
  "bad-signature": "not shown: its signature does not fit its author",
  unknown: "cannot be read: this version does not know its form",
};

const standings: Readonly<Record<Via["standing"], string>> = {
  proven: "plain door, key proven",
  unproven: "plain door, key not proven",
  keyless: "plain door, no key",
};

const gaps = {
  trimmed: "they were trimmed before this device had them",
  restored: "the registry was restored from a backup without them",
  group: "they were sealed when this device was not in the channel's group",
} as const;

export const protectionWords = (protection: Protection): string => protections[protection];
export const pathWords = (path: Path): string => paths[path];
export const stateWords = (state: DeliveryState): string => states[state];
export const viaWords = ({ standing }: Via): string => standings[standing];

export const unreadableWords = (why: NonNullable<ArchivedMessage["unreadable"]>): string => unreadables[why];

/** Posts of a channel that will not come. */
export function channelGapWords(from: number, to: number, reason: keyof typeof gaps): string {
  return `posts are missing here (${from === to ? from : `${from} to ${to}`}): ${gaps[reason]}`;
}

/** State, path and protection of a message, as short as can be. */
export function factsOf({ state, path, protection, own }: ArchivedMessage): string {
  return [own ? state : undefined, path, protection].filter((fact) => fact !== undefined).join(" · ");
}

/** What became of it is bad news. */
export const isTrouble = (state: DeliveryState | undefined): boolean =>
  state === "expired" || state === "refused" || state === "dead-lettered";

/** `3 posts`, `1 post`. */
export const counted = (count: number, one: string, more = `${one}s`): string => `${count} ${count === 1 ? one : more}`;

const units = ["B", "KiB", "MiB", "GiB"] as const;

export function sizeWords(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${units[unit] ?? ""}`;
}

const clockTime = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const exactTime = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const dayFormat = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" });

export const timeWords = (at: number): string => clockTime.format(at);
export const exactTimeWords = (at: number): string => exactTime.format(at);
export const dayWords = (at: number): string => dayFormat.format(at);

/** What an author is called: the door's guests by the name they gave it. */
export function authorName({ own, via, name }: Pick<ArchivedMessage, "own" | "via" | "name">): string {
  if (via !== undefined) return `${via.name} (door)`;
  return own ? "you" : name;
}
