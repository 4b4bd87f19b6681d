/**
 * The lines of the local socket: one JSON object each. A caller opens with `hello`, which shows the socket's secret, and gets `welcome`; a request has an
 * `id`, which its events and its one reply carry as `re`.
 */
import { limits, wireErrorSchema } from "@parley/protocol";
import { z } from "zod";

/** Versions of these lines that this build speaks, newest last. From 2 on, larger bodies go by file. */
export const lineVersions: readonly number[] = [1, 2];
export const versionWithFiles = 2;
/** Longest line, in bytes without its newline. */
export const lineBytes = 1024 * 1024;
/** Largest body that goes by file. */
export const bodyFileBytes = 16 * 1024 * 1024;
/** Local connections at once. */
export const mostConnections = 32;
/** Requests of one connection under way at once: a listener has one for each of its channels. */
export const mostRequests = 256;
/** Bytes that wait for a local reader before it is cut off. */
export const mostBufferedBytes = 8 * 1024 * 1024;
/** Events of one request that wait for their `ack` at once; later ones wait for room. */
export const mostUnacknowledged = 64;
/** A caller that is cut off has so long to read why. */
export const cutOffMs = 5000;
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

/** Name of a file in the folder beside the socket, which holds what would have stood in the line. */
const file = z.string().regex(/^[A-Za-z0-9_-]{1,64}(?:\.json)?$/, "is not the name of a file beside the socket");

/** What a caller sends after its `hello`. */
export const callerLineSchema = z.union([
  z.strictObject({ id, op: z.string().max(64), file }),
  z.strictObject({ id, op: z.string().max(64), body: z.unknown() }),
  z.strictObject({ cancel: id }),
  /** The handler is done with event `n` of request `ack`. */
  z.strictObject({ ack: id, n: z.int().min(1) }),
]);

export const welcomeLineSchema = z.object({
  welcome: z.object({
    version: z.int(),
    member: z.string(),
    device: z.string(),
    name: z.string(),
    mesh: z.string(),
    /** The longest line, and the folder for larger bodies; from version 2 on. */
    lineBytes: z.exactOptional(z.int()),
    files: z.exactOptional(z.string()),
  }),
});
export type WelcomeLine = z.infer<typeof welcomeLineSchema>;

/** An error; whether trying again can help is said for programs that do not know the table of codes. */
const localErrorSchema = wireErrorSchema.extend({ retryable: z.exactOptional(z.boolean()) });
export type LocalError = z.infer<typeof localErrorSchema>;

/** What the holder sends: an event, a reply, or an error that ends the connection. */
export const holderLineSchema = z.union([
  z.object({ re: id, n: z.int().min(1), file }),
  z.object({ re: id, file }),
  z.object({ re: id, n: z.int().min(1), event: z.unknown() }),
  z.object({ re: id, error: localErrorSchema }),
  z.object({ re: id, body: z.unknown() }),
  z.object({ error: localErrorSchema }),
]);
export type HolderLine = z.infer<typeof holderLineSchema>;
