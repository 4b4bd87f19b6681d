import { ParleyError } from "@parley/protocol";

/**
 * Names in the stores: streams, keys, subjects, owners. Segments of `a-z A-Z 0-9 _ - . =` joined by `/`, 1–256 characters, no empty
 * segment. Prefixes end at a segment, so that a back end whose subjects are tokens can select by them.
 */
const namePattern = /^[a-zA-Z0-9_\-.=]+(?:\/[a-zA-Z0-9_\-.=]+)*$/;

export const maxStoreNameLength = 256;

export function isStoreName(name: string): boolean {
  return name.length <= maxStoreNameLength && namePattern.test(name);
}

/** Throws `invalid_argument` unless it is a name. `what` says which argument, for the message. */
export function checkStoreName(what: string, name: string): void {
  if (!isStoreName(name))
    throw new ParleyError("invalid_argument", { message: `The ${what} is not a valid store name.` });
}

/** Throws `invalid_argument` unless it is empty or a name followed by `/`. */
export function checkStorePrefix(prefix: string): void {
  if (prefix === "" || (prefix.endsWith("/") && isStoreName(prefix.slice(0, -1)))) return;
  throw new ParleyError("invalid_argument", {
    message: "The prefix is neither empty nor a store name followed by '/'.",
  });
}
