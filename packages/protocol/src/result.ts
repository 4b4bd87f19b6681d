import type { ErrorCode } from "./errors.ts";

/** Outcome of decoding bytes from outside: a value, or a coded reason. Decoders never throw. */
export type Decoded<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

export const decoded = <Value>(value: Value): Decoded<Value> => ({ ok: true, value });

export const undecodable = (code: ErrorCode, message: string): Decoded<never> => ({ ok: false, code, message });
