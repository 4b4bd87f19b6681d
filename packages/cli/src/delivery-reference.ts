/** Short names of messages: what `delivery list` prints, and any part of an id that leaves no doubt. */
import type { DeliveryView, DeviceApi } from "@parley/client";
import { limits, ParleyError } from "@parley/protocol";

const shortCharacters = 6;
/** Candidates that an error names. */
const mostNamed = 8;

/** A message that this device remembers, or a dead letter of the mailbox by its place there. */
export type Reference =
  | { readonly place: "device"; readonly records: readonly [DeliveryView, ...DeliveryView[]] }
  | { readonly place: "mailbox"; readonly offset: number };

/** `aB3dEf.17` of `-_aB3dEf….17`: it begins with a letter or digit, so that no shell and no option parser minds it. */
export function shortReference(id: string): string {
  const dot = id.lastIndexOf(".");
  const epoch = id.slice(0, dot);
  const first = epoch.search(/[A-Za-z\d]/);
  return `${epoch.slice(Math.max(0, first)).slice(0, shortCharacters)}${id.slice(dot)}`;
}

export const mailboxReference = (offset: number): string => `mailbox.${offset}`;

/** The offset of `mailbox.17`. An epoch has 22 characters, so no short form of an id reads like this by intent. */
export function mailboxOffsetOf(text: string): number | undefined {
  const match = /^mailbox\.(\d{1,15})$/.exec(text);
  return match === null ? undefined : Number(match[1]);
}

/**
 * The message that a part of its id names: some of the part before the dot, and all of the number. Throws `not_found`, or
 * `invalid_argument` with the candidates when several fit.
 */
export async function findReference(device: DeviceApi, text: string): Promise<Reference> {
  const offset = mailboxOffsetOf(text);
  if (offset !== undefined) return { place: "mailbox", offset };
  if (!/^[\w-]{1,64}\.[1-9]\d{0,15}$/.test(text))
    throw new ParleyError("invalid_argument", {
      message: `"${text}" is not the id of a message; \`parley delivery list\` shows them.`,
    });
  const { records } = await device.deliveries({ idLike: text, limit: limits.pageSize, newestFirst: true });
  const exact = records.filter(({ id }) => id === text);
  const fitting = exact.length > 0 ? exact : records;
  const [first, ...others] = fitting;
  if (first === undefined) throw new ParleyError("not_found", { message: `This device remembers no message ${text}.` });
  const ids = [...new Set(fitting.map(({ id }) => id))];
  if (ids.length > 1)
    throw new ParleyError("invalid_argument", {
      message: `"${text}" fits ${ids.length} messages; say more of one of these: ${ids.slice(0, mostNamed).join(", ")}${ids.length > mostNamed ? ", …" : ""}.`,
      data: { candidates: ids.slice(0, mostNamed) },
    });
  return { place: "device", records: [first, ...others] };
}
