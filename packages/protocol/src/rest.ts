/**
 * What a script may ask the registry over HTTP: rows of the table of `http.ts`. Each is a request of the session's table
 * with its body written as a query.
 */
import { z } from "zod";

import { limits } from "./limits.ts";
import { everyone } from "./request-row.ts";
import { requestTable } from "./session-message.ts";

const { pageSize } = limits;
const count = z
  .string()
  .regex(/^\d{1,16}$/, "is not a whole number")
  .transform(Number);
const truth = z.enum(["true", "false"]).transform((text) => text === "true");
const limit = count.pipe(z.int().min(1).max(pageSize)).optional();
const after = z.string().max(128).optional();
const offset = count.pipe(z.int().min(0).max(Number.MAX_SAFE_INTEGER)).optional();
const finding = requestTable["directory.find"].body.shape;

export const restRoutes = {
  v1Members: {
    method: "get",
    path: "/v1/members",
    access: "session",
    roles: everyone,
    scope: "directory:read",
    query: z.strictObject({
      skill: finding.skill,
      tag: finding.tag,
      text: finding.text,
      kind: finding.kind,
      live: truth.optional(),
      limit,
      after,
    }),
    reply: requestTable["directory.find"].reply,
    says: "Members that fit all that is asked, as `directory.find`: statements to verify, and presence.",
  },
  v1Member: {
    method: "get",
    path: "/v1/members/{name}",
    access: "session",
    roles: everyone,
    scope: "directory:read",
    query: z.strictObject({}),
    reply: requestTable["directory.get"].reply,
    says: "One member by name or id, as `directory.get`.",
  },
  v1Channels: {
    method: "get",
    path: "/v1/channels",
    access: "session",
    roles: everyone,
    scope: "channels:read",
    query: z.strictObject({ joined: truth.optional(), archived: truth.optional(), limit, after }),
    reply: requestTable["channel.list"].reply,
    says: "Channels that the member may see, as `channel.list`.",
  },
  v1Posts: {
    method: "get",
    path: "/v1/channels/{name}/posts",
    access: "session",
    roles: everyone,
    scope: "channels:read",
    query: z.strictObject({ before: offset, from: offset, limit }),
    reply: requestTable["channel.read"].reply,
    says: "A page of the posts of a public channel that the member is in, as `channel.read`: each under its author's signature.",
  },
} as const;
