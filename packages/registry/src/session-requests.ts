import type { Clock } from "@parley/core";
import { decodeRequest, ParleyError, type RequestMessage, type RequestType } from "@parley/protocol";

import { mayRequest } from "./access.ts";
import { type AuditRecorder, byDevice } from "./audit/audit-trail.ts";
import type { Authority } from "./authority.ts";
import type { RegistryBounds } from "./bounds.ts";
import type { MemberShare } from "./member-share.ts";
import type { RequestHandler } from "./requests/request-handler.ts";
import type { RequestTable } from "./requests/request-table.ts";
import type { Session } from "./session.ts";
import { TokenBucket } from "./token-bucket.ts";
import { toWireError } from "./wire-error.ts";

export interface SessionRequestsOptions {
  readonly session: Session;
  readonly table: RequestTable;
  readonly authority: Pick<Authority, "silence">;
  readonly clock: Pick<Clock, "monotonic">;
  readonly bounds: Pick<RegistryBounds, "requestsPerSecond" | "pendingRequests">;
  readonly audit: AuditRecorder;
  readonly send: (reply: object) => void;
  /** Makes a coded error of what a handler threw, and logs what should not happen. */
  readonly coded: (error: unknown, during: string) => ParleyError;
}

/** The requests of one open session: who may ask what, how often and how much at once. */
export class SessionRequests {
  readonly #options: SessionRequestsOptions;
  readonly #bucket: TokenBucket;
  /** Of an open session. */
  share: MemberShare | undefined;
  #pending = 0;

  constructor(options: SessionRequestsOptions) {
    this.#options = options;
    const { bounds, clock } = options;
    this.#bucket = new TokenBucket(bounds.requestsPerSecond, bounds.requestsPerSecond * 5, clock.monotonic());
  }

  get isBusy(): boolean {
    return this.#pending > 0;
  }

  take(text: string): void {
    const { session, clock, bounds } = this.#options;
    const request = decodeRequest(text);
    if (request.id === undefined) {
      if (!request.ok) session.end(request.code, request.message);
      return;
    }
    const { id } = request;
    // What makes room for more of the mailbox is bounded by what was pushed.
    const isFree =
      request.ok && request.value.type === "mailbox.ack" && session.mailbox.isProgress(request.value.body.offset);
    if (!isFree && !this.#mayAsk(clock.monotonic()))
      return this.#turnAway(id, "limit.hit", "session", new ParleyError("rate_limited"));
    if (!request.ok) return this.#refuse(id, new ParleyError(request.code, { message: request.message }));
    const refusal = this.#refusal(request.value.type);
    if (refusal !== undefined) return this.#turnAway(id, "request.refused", request.value.type, refusal);
    if (this.#pending >= bounds.pendingRequests || this.share?.mayHavePending === false)
      return this.#turnAway(id, "limit.hit", request.value.type, new ParleyError("limit_reached"));
    void this.#answer(id, request.value);
  }

  #mayAsk(now: number): boolean {
    const isWithin = this.#bucket.take(now) && this.share?.requests.take(now) !== false;
    if (!isWithin) this.share?.countRefused();
    return isWithin;
  }

  /** Who is silenced may do what those may who only read. */
  #refusal(type: RequestType): ParleyError | undefined {
    const { identity } = this.#options.session;
    if (identity === undefined || !mayRequest(type, identity.roles)) return new ParleyError("forbidden");
    return mayRequest(type, ["observer"]) ? undefined : this.#options.authority.silence(identity);
  }

  async #answer(id: number, { type, body }: RequestMessage): Promise<void> {
    const { session, table, send, coded } = this.#options;
    const { share } = this;
    this.#pending++;
    if (share !== undefined) share.pendingRequests++;
    try {
      if (session.identity === undefined) throw new ParleyError("unauthenticated");
      // The table pairs each type with its body; the compiler cannot see that through a lookup by a union.
      const handler = table[type] as RequestHandler<RequestType>;
      send({ re: id, body: await handler(session.identity, body, session) });
    } catch (error) {
      const refused = coded(error, type);
      const act = refused.code === "limit_reached" || refused.code === "rate_limited" ? "limit.hit" : "request.refused";
      if (act === "limit.hit" || refused.code === "forbidden") this.#turnAway(id, act, type, refused);
      else this.#refuse(id, refused);
    } finally {
      this.#pending--;
      if (share !== undefined) share.pendingRequests--;
    }
  }

  /** What a limit or a role refuses is written down as well. */
  #turnAway(id: number, act: "limit.hit" | "request.refused", subject: string, error: ParleyError): void {
    const { session, audit } = this.#options;
    if (session.identity !== undefined)
      void audit.record({ act, by: byDevice(session.identity), subject, code: error.code });
    this.#refuse(id, error);
  }

  #refuse(id: number, error: ParleyError): void {
    this.#options.send({ re: id, error: toWireError(error) });
  }
}
