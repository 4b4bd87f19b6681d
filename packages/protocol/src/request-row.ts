/** What a row of the table of requests is made of. */
import { z } from "zod";

import { limits } from "./limits.ts";
import type { Role } from "./statement.ts";

export interface Request<Body extends z.ZodType, Reply extends z.ZodType> {
  readonly body: Body;
  readonly reply: Reply;
  /** Roles of which one is needed. */
  readonly roles: readonly Role[];
  readonly says: string;
}

export const everyone: readonly Role[] = ["operator", "admin", "member", "guest", "observer"];
/** Roles that may write to others at all. Observers only read. */
export const writers: readonly Role[] = ["operator", "admin", "member", "guest"];
export const members: readonly Role[] = ["operator", "admin", "member"];
export const operatorsOnly: readonly Role[] = ["operator", "admin"];

/** Those operators who may change operators. */
export const adminsOnly: readonly Role[] = ["admin"];

export const request = <Body extends z.ZodType, Reply extends z.ZodType>(
  roles: readonly Role[],
  says: string,
  body: Body,
  reply: Reply,
): Request<Body, Reply> => ({ roles, says, body, reply });

/** The limit and the mark of a page of a list. */
export const page = { limit: z.int().min(1).max(limits.pageSize).optional(), after: z.string().max(128).optional() };
export const time = z
  .int()
  .min(0)
  .max(2 ** 47);
export const offset = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
export const empty = z.strictObject({});
