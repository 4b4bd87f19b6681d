/**
 * How ids look at the door. Its own clients: `@` and 8 or more hex digits for a key, or for a connection without one 8
 * characters that begin with a digit and end in g to z. Members of the mesh: `@name`, or `@~name` where the name could be
 * taken for a client's id. Clients of another door of the mesh: `@door/id`.
 */
import { parseName, type Via } from "@parley/protocol";

export type Address =
  | { readonly kind: "channel"; readonly name: string }
  | { readonly kind: "client"; readonly id: string }
  | { readonly kind: "member"; readonly name: string }
  | { readonly kind: "beyond"; readonly door: string; readonly id: string };

const keyForm = /^[0-9a-f]{8,64}$/;
const chanceForm = /^[0-9][a-z0-9]{6}[g-z]$/;

export function isClientId(text: string): boolean {
  return keyForm.test(text) || chanceForm.test(text);
}

/** Reads what a client wrote as `to` or `agent`. Undefined when nobody can be called that. */
export function parseAddress(text: string): Address | undefined {
  if (text.startsWith("#")) return { kind: "channel", name: text.slice(1) };
  const rest = text.slice(1);
  if (isClientId(rest)) return { kind: "client", id: rest };
  const [door = "", id] = rest.split("/", 2);
  if (id !== undefined) {
    const name = parseName(door);
    return name === undefined || !isClientId(id) ? undefined : { kind: "beyond", door: name, id };
  }
  const name = parseName(rest.startsWith("~") ? rest.slice(1) : rest);
  return name === undefined ? undefined : { kind: "member", name };
}

/** A member of the mesh as clients see it. */
export function memberAddress(name: string): string {
  return isClientId(name) ? `@~${name}` : `@${name}`;
}

/**
 * What a door writes to a member for one of its clients: an envelope has no `via`, so whose word it is stands before the text; and before
 * that, where the member is a door, for which of its clients it is.
 */
export function spokenFor({ id, name, standing }: Via, text: string, to?: string): string {
  const said = `@${id} (${name}, ${standing}): ${text}`;
  return to === undefined ? said : `@${to} ${said}`;
}

/** The client that a member's message to the door begins with, `@id` and white space, a colon or a comma; and the rest. */
export function splitRecipient(text: string): { readonly id: string; readonly rest: string } | undefined {
  const [whole, id] = /^\s*@([0-9a-z]{8,64})(?:[\s:,]+|$)/.exec(text) ?? [];
  return whole === undefined || id === undefined || !isClientId(id)
    ? undefined
    : { id, rest: text.slice(whole.length) };
}
