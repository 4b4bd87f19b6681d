/** What a row of the operation tables is made of. */
import { limits, pathSchema } from "@parley/protocol";
import { z } from "zod";

interface Operation<Body extends z.ZodType, Event extends z.ZodType, Reply extends z.ZodType> {
  readonly body: Body;
  /** What streams before the reply; `z.never()` for none. */
  readonly event: Event;
  readonly reply: Reply;
  readonly says: string;
}

export const operation = <Body extends z.ZodType, Event extends z.ZodType, Reply extends z.ZodType>(
  says: string,
  body: Body,
  reply: Reply,
  event: Event,
): Operation<Body, Event, Reply> => ({ says, body, event, reply });

export const none = z.never();
export const empty = z.strictObject({});
/** A member as its caller names it. */
export const who = z.string().min(1).max(64);
/** How many messages or calls of agents led to this one. */
export const hops = z.exactOptional(z.int().min(0));
export const paths = z.exactOptional(z.array(pathSchema).min(1).max(4));
/** Milliseconds that something may wait. */
export const ttlMs = z.exactOptional(z.int().min(1).max(limits.expiryMs));
