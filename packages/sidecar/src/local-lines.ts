/**
 * The lines of the local socket: one JSON object each. A caller opens with `hello`, which shows the socket's secret, and gets `welcome`; a request has an
 * `id`, which its events and its one reply carry as `re`.
 */
import { limits, wireErrorSchema } from "@parley/protocol";
import { z } from "zod";

/** Versions of these lines that this build speaks, newest last. */
export const lineVersions: readonly number[] = [1];
/** Longest line, in bytes without its newline. */
export const lineBytes = 1024 * 1024;
/** Local connections at once. */
export const mostConnections = 32;
/** Requests of one connection under way at once: a listener has one for each of its channels. */
export const mostRequests = 256;
/** Bytes that wait for a local reader before it is cut off. */
export const mostBufferedBytes = 8 * 1024 * 1024;
/** From the connection to the end of the handshake. */
export const helloMs = 10_000;
/** A program that has just come is waited for this long: it is about to ask something. */
export const freshMs = 1000;
/** A connection with no request under way is closed after this. */
export const idleMs = 600_000;

const id = z
  .int()
  .min(1)
  .max(2 ** 31);

export const helloSchema = z.object({
  hello: z.object({
    versions: z.array(z.int().min(1).max(65_535)).min(1).max(16),
    program: z.string().max(limits.labelCharacters),
    /** What lies beside the socket, see `socket-secret.ts`. */
    secret: z.string().max(128).optional(),
  }),
});

/** What a caller sends after its `hello`. */
export const callerLineSchema = z.union([
  z.strictObject({ id, op: z.string().max(64), body: z.unknown() }),
  z.strictObject({ cancel: id }),
  /** The handler is done with event `n` of request `ack`. */
  z.strictObject({ ack: id, n: z.int().min(1) }),
]);

export const welcomeLineSchema = z.object({
  welcome: z.object({ version: z.int(), member: z.string(), device: z.string(), name: z.string(), mesh: z.string() }),
});
export type WelcomeLine = z.infer<typeof welcomeLineSchema>;

/** What the holder sends: an event, a reply, or an error that ends the connection. */
export const holderLineSchema = z.union([
  z.object({ re: id, n: z.int().min(1), event: z.unknown() }),
  z.object({ re: id, error: wireErrorSchema }),
  z.object({ re: id, body: z.unknown() }),
  z.object({ error: wireErrorSchema }),
]);
export type HolderLine = z.infer<typeof holderLineSchema>;
