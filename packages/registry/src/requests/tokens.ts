import type { Signer } from "@parley/core";

import { iceFor } from "../ice.ts";
import { issueLease } from "../lease.ts";
import type { Members } from "../members.ts";
import type { MeshState } from "../mesh-state.ts";
import type { IceOptions } from "../options.ts";
import type { SessionTokens } from "../session-token.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface TokensServices {
  readonly mesh: MeshState;
  readonly members: Members;
  readonly tokens: SessionTokens;
  readonly nodeKey: Signer;
  readonly now: () => number;
  readonly leaseMs: number;
  readonly ice: IceOptions;
}

/** What the node gives a device for a time: lease, TURN credentials, session token; and the time itself. */
export function tokensRequests({
  mesh,
  members,
  tokens,
  nodeKey,
  now,
  leaseMs,
  ice,
}: TokensServices): RequestHandlers<RequestsOf<"lease" | "ice" | "token"> | "ping"> {
  return {
    "lease.renew": async (caller) => {
      const { admissionExpires } = await members.find(caller);
      const { mesh: id, certificate } = mesh.require();
      const issuer = { mesh: id, nodeKey, now: now(), leaseMs };
      return { lease: await issueLease(issuer, caller.member, caller.device, admissionExpires), node: certificate };
    },
    "ice.get": (caller) => iceFor(caller.member, ice, now()),
    "token.get": (caller, { audience }) => tokens.issue(caller, audience),
    ping: () => ({ time: now() }),
  };
}
