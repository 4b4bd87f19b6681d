import { createHmac } from "node:crypto";

import type { ReplyBody } from "@parley/protocol";

import type { IceOptions } from "./options.ts";

const defaultLifeMs = 12 * 3_600_000;
/** Characters of the member's id in a TURN name: enough to tell members apart in the TURN service's log. */
const prefixCharacters = 8;

/**
 * STUN and TURN servers for one member. TURN credentials live a while only and need no account: the name is the time
 * of expiry in seconds and part of the member's id, the password its HMAC-SHA1 under the shared secret
 * (draft-uberti-behave-turn-rest-00, section 2.2).
 */
export function iceFor(member: string, options: IceOptions, now: number): ReplyBody<"ice.get"> {
  const { turn } = options;
  const expires = now + (turn?.lifeMs ?? defaultLifeMs);
  const servers: ReplyBody<"ice.get">["servers"] = (options.servers ?? []).map(({ urls, username, credential }) => ({
    urls: [...urls],
    ...(username === undefined ? {} : { username }),
    ...(credential === undefined ? {} : { credential }),
  }));
  if (turn !== undefined) {
    const username = `${Math.floor(expires / 1000)}:${member.slice(0, prefixCharacters)}`;
    const credential = createHmac("sha1", turn.secret).update(username).digest("base64");
    servers.push({ urls: [...turn.urls], username, credential });
  }
  return { servers, expires };
}
