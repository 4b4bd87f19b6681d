import type { ReplyBody, RequestBody, RequestType } from "@parley/protocol";

import type { Session, SessionIdentity } from "../session.ts";

/** Answers a request. Its shape and the roles of its caller were checked before; what it throws is the answer, too. */
export type RequestHandler<Type extends RequestType> = (
  caller: SessionIdentity,
  body: RequestBody<Type>,
  session: Session,
) => ReplyBody<Type> | Promise<ReplyBody<Type>>;

/** Who asks, by a session or by what stands for one. */
export type MemberCaller = Omit<SessionIdentity, "session">;

/** Answers a request without looking at the session that it came by: HTTP has none. */
type MemberHandler<Type extends RequestType> = (
  caller: MemberCaller,
  body: RequestBody<Type>,
) => ReplyBody<Type> | Promise<ReplyBody<Type>>;
export type MemberHandlers<Types extends RequestType> = { readonly [Type in Types]: MemberHandler<Type> };

/** Requests of a domain: with `mailbox`, all of `mailbox.*`. */
export type RequestsOf<Domain extends string> = Extract<RequestType, `${Domain}.${string}`>;

/** A handler for each of these requests, no more and no fewer. */
export type RequestHandlers<Types extends RequestType> = { readonly [Type in Types]: RequestHandler<Type> };
