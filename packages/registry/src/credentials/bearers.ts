import type { Clock } from "@parley/core";
import { ParleyError, type RouteName, routeTable } from "@parley/protocol";

import { mayCall } from "../access.ts";
import type { Authority } from "../authority.ts";
import type { Directory } from "../directory.ts";
import type { Members } from "../members.ts";
import type { MeshState } from "../mesh-state.ts";
import type { SessionTokens } from "../session-token.ts";
import { TokenBucket } from "../token-bucket.ts";
import type { ApiKeys } from "./api-keys.ts";
import { type Bearer, bearerOf, type Claimed } from "./bearer.ts";

export interface BearersOptions {
  readonly mesh: MeshState;
  readonly members: Members;
  readonly directory: Directory;
  readonly tokens: SessionTokens;
  readonly apiKeys: ApiKeys;
  readonly authority: Pick<Authority, "checkBan" | "silence">;
  readonly clock: Pick<Clock, "now" | "monotonic">;
  readonly requestsPerSecond: number;
}

const tokenForm = /^Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i;
const keyForm = /^Bearer (pak_[A-Za-z0-9_]{1,80})$/i;
const mostCharacters = 2048;
/** Bearers whose rate is remembered; the longest silent gives way. */
const mostBuckets = 10_000;
const burstSeconds = 5;

/** Who may call which HTTP route, by an `authorization` header (RFC 6750 section 2.1): a session token or an API key. */
export class Bearers {
  readonly #options: BearersOptions;
  /** Longest silent first. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(options: BearersOptions) {
    this.#options = options;
  }

  /** Throws `unauthenticated`, `revoked`, `scope_missing`, `forbidden`, `rate_limited` or why the member is silenced, and never says what was in the header. */
  async admit(name: RouteName, authorization: string | undefined, address: string): Promise<Bearer> {
    const { mesh, members, directory, authority, clock } = this.#options;
    const claimed = await this.#read((authorization ?? "").slice(0, mostCharacters), address);
    const bearer = await bearerOf(claimed, { mesh, members, directory, authority, now: () => clock.now() });
    this.#limit(name, bearer);
    checkScope(name, bearer);
    if (!mayCall(name, bearer.roles)) throw new ParleyError("forbidden");
    // Who may write to nobody leaves nothing for anybody either.
    const silence = routeTable[name].method === "put" ? authority.silence(bearer) : undefined;
    if (silence !== undefined) throw silence;
    return bearer;
  }

  async #read(authorization: string, address: string): Promise<Claimed> {
    const { tokens, apiKeys } = this.#options;
    const [, token] = tokenForm.exec(authorization) ?? [];
    if (token !== undefined) {
      const { sub, device } = await tokens.verify(token);
      return { member: sub, device };
    }
    const [, key] = keyForm.exec(authorization) ?? [];
    if (key !== undefined) return apiKeys.verify(key, address);
    throw new ParleyError("unauthenticated", {
      message: "A session token or an API key is missing: `authorization: Bearer …`.",
    });
  }

  /** A device moves blobs as fast as it can; all else is for scripts, and a script asks now and then. */
  #limit(name: RouteName, { device, apiKey }: Bearer): void {
    if (apiKey === undefined && !routeTable[name].path.startsWith("/v1/")) return;
    const { clock, requestsPerSecond } = this.#options;
    const who = apiKey?.id ?? device;
    const now = clock.monotonic();
    const bucket = this.#buckets.get(who) ?? new TokenBucket(requestsPerSecond, requestsPerSecond * burstSeconds, now);
    this.#buckets.delete(who);
    if (this.#buckets.size >= mostBuckets) this.#buckets.delete(this.#buckets.keys().next().value ?? "");
    this.#buckets.set(who, bucket);
    if (!bucket.take(now)) throw new ParleyError("rate_limited");
  }
}

/** Throws `scope_missing` for an API key that was not made for the route; a route without a scope takes none. */
function checkScope(name: RouteName, { apiKey }: Bearer): void {
  if (apiKey === undefined) return;
  const route = routeTable[name];
  if (!("scope" in route))
    throw new ParleyError("scope_missing", { message: "This takes a session token; no API key will do." });
  if (!apiKey.scopes.includes(route.scope))
    throw new ParleyError("scope_missing", { message: `This needs an API key with the scope ${route.scope}.` });
}
