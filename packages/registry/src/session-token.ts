import { peekStatement, type Signer, signStatement, verifyStatement } from "@parley/core";
import { httpAudience, limits, ParleyError, type ReplyBody, type Role, type Statement } from "@parley/protocol";

import type { Directory } from "./directory.ts";
import type { Members } from "./members.ts";
import type { MeshState } from "./mesh-state.ts";
import type { SessionIdentity } from "./session.ts";

/** Who a session token speaks for. */
export interface TokenBearer {
  readonly member: string;
  readonly device: string;
  readonly session: string;
  readonly roles: readonly Role[];
}

interface SessionTokensOptions {
  readonly mesh: MeshState;
  readonly members: Members;
  readonly directory: Directory;
  readonly nodeKey: Signer;
  readonly now: () => number;
  readonly clockSkewMs: number;
}

const bearer = /^Bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i;
const mostTokenCharacters = 2048;

/** Session tokens: issued over a session, shown to the HTTP API, good for five minutes at every node of the mesh. */
export class SessionTokens {
  readonly #options: SessionTokensOptions;

  constructor(options: SessionTokensOptions) {
    this.#options = options;
  }

  async issue({ member, device, session, admissionExpires }: SessionIdentity): Promise<ReplyBody<"token.get">> {
    const { mesh, nodeKey, now } = this.#options;
    const iat = now();
    const exp = Math.min(iat + limits.sessionTokenMs, admissionExpires);
    const payload = { mesh: mesh.require().mesh, member, device, session, aud: httpAudience, iat, exp };
    return { token: await signStatement("token", payload, nodeKey), expires: exp };
  }

  /** Reads an `authorization` header (RFC 6750 section 2.1). Throws `unauthenticated`, or `revoked`, and never says what was in it. */
  async verify(authorization: string | undefined): Promise<TokenBearer> {
    const [, compact] = bearer.exec((authorization ?? "").slice(0, mostTokenCharacters)) ?? [];
    if (compact === undefined)
      throw new ParleyError("unauthenticated", { message: "A session token is missing: `authorization: Bearer …`." });
    const token = await this.#read(compact);
    this.#checkClaims(token);
    return { ...token, roles: await this.#rolesOf(token) };
  }

  async #read(compact: string): Promise<Statement<"token">> {
    const { mesh, now } = this.#options;
    try {
      const { signer } = peekStatement("token", compact);
      const certificate = peekStatement("node", mesh.require().certificate);
      if (certificate.node === signer && certificate.exp > now())
        return await verifyStatement("token", compact, certificate.key);
    } catch (cause) {
      throw refused("is not one of this mesh's nodes", cause);
    }
    throw refused("was issued by a node that the mesh does not certify");
  }

  #checkClaims({ mesh, aud, iat, exp }: Statement<"token">): void {
    const { mesh: state, now, clockSkewMs } = this.#options;
    if (mesh !== state.require().mesh) throw refused("is for another mesh");
    if (aud !== httpAudience) throw refused("is for another door");
    if (exp <= now() || exp - iat > limits.sessionTokenMs || iat > now() + clockSkewMs)
      throw refused("is not good at this time; ask for a new one");
  }

  /** The roles of now: they, the device list and the revocations have the last word, whatever held when the token was issued. */
  async #rolesOf({ member, device }: Statement<"token">): Promise<readonly Role[]> {
    const { mesh, members, directory, now } = this.#options;
    if (mesh.isRevoked(member)) throw new ParleyError("revoked");
    if (directory.get(member) === undefined) await members.refresh(member);
    const entry = directory.get(member);
    if (entry?.revoked === true) throw new ParleyError("revoked");
    if (entry === undefined || entry.admissionExpires <= now())
      throw refused("belongs to a member that is not admitted");
    if (!entry.devices.includes(device)) throw refused("belongs to a device that its member's list does not have");
    return entry.roles;
  }
}

const refused = (why: string, cause?: unknown): ParleyError =>
  new ParleyError("unauthenticated", { message: `The session token ${why}.`, cause });
