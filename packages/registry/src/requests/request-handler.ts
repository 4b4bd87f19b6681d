import type { ReplyBody, RequestBody, RequestType } from "@parley/protocol";

import type { Session, SessionIdentity } from "../session.ts";

/** Answers a request. Its shape and the roles of its caller were checked before; what it throws is the answer, too. */
export type RequestHandler<Type extends RequestType> = (
  caller: SessionIdentity,
  body: RequestBody<Type>,
  session: Session,
) => ReplyBody<Type> | Promise<ReplyBody<Type>>;

/** Requests of a domain: with `mailbox`, all of `mailbox.*`. */
export type RequestsOf<Domain extends string> = Extract<RequestType, `${Domain}.${string}`>;

/** A handler for each of these requests, no more and no fewer. */
export type RequestHandlers<Types extends RequestType> = { readonly [Type in Types]: RequestHandler<Type> };
