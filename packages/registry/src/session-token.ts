import { peekStatement, type Random, signStatement, verifyStatement } from "@parley/core";
import {
  httpAudience,
  limits,
  ParleyError,
  type ReplyBody,
  type Statement,
  toBase64url,
  tokenIssuer,
} from "@parley/protocol";

import type { TokenKeys } from "./credentials/token-keys.ts";
import type { MeshState } from "./mesh-state.ts";
import type { SessionIdentity } from "./session.ts";

interface SessionTokensOptions {
  readonly mesh: MeshState;
  readonly keys: TokenKeys;
  readonly random: Random;
  readonly now: () => number;
  readonly clockSkewMs: number;
}

const secondsOf = (ms: number): number => Math.floor(ms / 1000);

/**
 * Session tokens: issued over a session, shown to the HTTP API, good for five minutes at every node of the mesh. JSON Web
 * Tokens (RFC 7519) as RFC 8725 wants them: one algorithm, a type of their own, an issuer, an audience.
 */
export class SessionTokens {
  readonly #options: SessionTokensOptions;

  constructor(options: SessionTokensOptions) {
    this.#options = options;
  }

  /** For the HTTP API, or for the service that `audience` names, which verifies it by the published keys. */
  async issue(
    { member, device, session, admissionExpires }: SessionIdentity,
    audience = httpAudience,
  ): Promise<ReplyBody<"token.get">> {
    const { mesh, keys, random, now } = this.#options;
    const signer = await keys.signer();
    const at = now();
    const iat = secondsOf(at);
    const exp = secondsOf(Math.min(at + limits.sessionTokenMs, admissionExpires));
    const { mesh: id } = mesh.require();
    const payload: Statement<"token"> = {
      iss: tokenIssuer(id),
      sub: member,
      aud: audience,
      jti: toBase64url(random.bytes(16)),
      iat,
      nbf: iat,
      exp,
      mesh: id,
      device,
      session,
    };
    return { token: await signStatement("token", payload, signer), expires: exp * 1000 };
  }

  /** Throws `unauthenticated`, and never says what was in it. */
  async verify(compact: string): Promise<Statement<"token">> {
    const { token, keyExpires } = await this.#read(compact);
    const { mesh, now, clockSkewMs } = this.#options;
    const id = mesh.require().mesh;
    const { iss, mesh: of, aud, iat, nbf, exp } = token;
    if (iss !== tokenIssuer(id) || of !== id) throw refused("is for another mesh");
    if (aud !== httpAudience) throw refused("is for another door");
    const at = now();
    const isTooLong = (exp - iat) * 1000 > limits.sessionTokenMs || exp * 1000 > keyExpires;
    if (exp * 1000 <= at || isTooLong || Math.max(iat, nbf) * 1000 > at + clockSkewMs)
      throw refused("is not good at this time; ask for a new one");
    return token;
  }

  async #read(compact: string): Promise<{ readonly token: Statement<"token">; readonly keyExpires: number }> {
    try {
      const certified = await this.#options.keys.find(peekStatement("token", compact).signer);
      if (certified !== undefined)
        return { token: await verifyStatement("token", compact, certified.key), keyExpires: certified.exp };
    } catch (cause) {
      throw refused("is not one of this mesh's nodes", cause);
    }
    throw refused("was not signed by a key that a node of the mesh uses");
  }
}

const refused = (why: string, cause?: unknown): ParleyError =>
  new ParleyError("unauthenticated", { message: `The session token ${why}.`, cause });
