import type { Clock, Random, Records, Signer } from "@parley/core";
import { SecretHasher } from "@parley/core/node";

import type { AuditRecorder } from "../audit/audit-trail.ts";
import type { Authority } from "../authority.ts";
import type { RegistryBounds } from "../bounds.ts";
import type { Directory } from "../directory.ts";
import type { Members } from "../members.ts";
import type { MeshState } from "../mesh-state.ts";
import { SessionTokens } from "../session-token.ts";
import { ApiKeys } from "./api-keys.ts";
import { Bearers } from "./bearers.ts";
import { LiveCalls } from "./live-calls.ts";
import { type PrivateText, TokenKeys } from "./token-keys.ts";

/** What stands for a member outside its session. */
export interface CredentialParts {
  readonly tokens: SessionTokens;
  readonly tokenKeys: TokenKeys;
  readonly apiKeys: ApiKeys;
  readonly bearers: Bearers;
  readonly liveCalls: LiveCalls;
}

export interface CredentialPartsOptions {
  readonly records: Records;
  readonly mesh: MeshState;
  readonly members: Members;
  readonly directory: Directory;
  readonly authority: Authority;
  readonly nodeKey: Signer;
  readonly clock: Clock;
  readonly random: Random;
  readonly bounds: RegistryBounds;
  readonly keptTokenKeys: PrivateText | undefined;
  readonly audit: AuditRecorder;
}

export function makeCredentialParts(options: CredentialPartsOptions): CredentialParts {
  const { records, mesh, members, directory, authority, nodeKey, clock, random, bounds, keptTokenKeys, audit } =
    options;
  const { tokenKeyMs: keyMs, clockSkewMs, apiKeyHashCost, apiRequestsPerSecond: requestsPerSecond } = bounds;
  const now = (): number => clock.now();
  const by = { node: nodeKey.id };
  const tokenKeys = new TokenKeys({
    mesh,
    nodeKey,
    records,
    now,
    keyMs,
    kept: keptTokenKeys,
    onMade: (subject) => void audit.record({ act: "token-key.made", by, subject }),
  });
  const tokens = new SessionTokens({ mesh, keys: tokenKeys, random, now, clockSkewMs });
  const liveCalls = new LiveCalls();
  const hasher = new SecretHasher(random, apiKeyHashCost);
  const onEnded = (member: string, id: string): void => liveCalls.endKey(member, id);
  const apiKeys = new ApiKeys({
    records,
    clock,
    random,
    hasher,
    bounds,
    onEnded,
    onLapsed: (member, subject, why) => void audit.record({ act: "key.ended", by, subject, facts: { member, why } }),
  });
  const bearers = new Bearers({ mesh, members, directory, authority, tokens, apiKeys, clock, requestsPerSecond });
  return { tokens, tokenKeys, apiKeys, bearers, liveCalls };
}
