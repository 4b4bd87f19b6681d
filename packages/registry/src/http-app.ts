import type { IncomingMessage } from "node:http";

import type { HttpBindings } from "@hono/node-server";
import {
  blobHeldUntilHeader,
  decodeJson,
  errorTable,
  type JsonRouteName,
  ParleyError,
  type RouteName,
  type RouteReply,
  routeTable,
  toParleyError,
} from "@parley/protocol";
import { type Context, Hono } from "hono";
import type { StatusCode } from "hono/utils/http-status";
import type { z } from "zod";

import { mayCall } from "./access.ts";
import { errorHeaders, securityHeaders, transportSecurity } from "./answer-headers.ts";
import { checkHost, checkOrigin, type HostRules } from "./host-check.ts";
import { joinPage } from "./join-page.ts";
import type { RegistryLog } from "./options.ts";
import { type BodyPace, readBytes, readText } from "./request-body.ts";
import type { TokenBearer } from "./session-token.ts";
import { toWireError } from "./wire-error.ts";

type Routes = typeof routeTable;
type BodyOf<Name extends RouteName> = Routes[Name] extends { readonly body: infer Schema extends z.ZodType }
  ? z.infer<Schema>
  : undefined;

type BearerOf<Name extends RouteName> = Routes[Name] extends { readonly access: "session" } ? TokenBearer : undefined;

/** What a route's handler gets of its request. */
interface RouteCall<Name extends RouteName> {
  /** Whose session token it brought, where one is needed. */
  readonly caller: BearerOf<Name>;
  readonly body: BodyOf<Name>;
  readonly address: string;
  readonly param: (name: string) => string;
  readonly query: (name: string) => string | undefined;
  readonly header: (name: string) => string | undefined;
  /** The body as bytes. Throws `too_large` before it reads more than that. */
  readonly bytes: (most: number) => Promise<Uint8Array<ArrayBuffer>>;
  /** Calls `run` when the answer has been taken or the connection is gone. */
  readonly whenDone: (run: () => void) => void;
}

/** A reply, one with another status than 200, or where the table has no JSON the response itself. */
type RouteAnswer<Name extends RouteName> = Name extends JsonRouteName
  ? RouteReply<Name> | { readonly status: 503; readonly reply: RouteReply<Name> }
  : Response;

export type RouteHandlers = {
  readonly [Name in RouteName]: (call: RouteCall<Name>) => RouteAnswer<Name> | Promise<RouteAnswer<Name>>;
};

type Env = { Bindings: HttpBindings };

export interface HttpAppOptions {
  readonly handlers: RouteHandlers;
  /** Whose session token an `authorization` header holds. Throws `unauthenticated`. */
  readonly authenticate: (authorization: string | undefined) => Promise<TokenBearer>;
  /** Asked at each request: the origin is known once the socket listens. */
  readonly rules: () => HostRules;
  readonly log: RegistryLog;
  /** Whether browsers are told to come by TLS only. */
  readonly isSecure: () => boolean;
  readonly addressOf: (request: IncomingMessage) => string;
  /** Holds, or refuses, what a member asks beyond its rate. */
  readonly paceOf: (member: string) => Promise<void>;
  readonly bodyPace: BodyPace;
}

/** The HTTP side of the registry, made from the table of routes. */
export function makeHttpApp(options: HttpAppOptions): Hono<Env> {
  const app = new Hono<Env>();
  app.use(async (context, next) => {
    for (const [name, value] of Object.entries(securityHeaders)) context.header(name, value);
    if (options.isSecure()) context.header(...transportSecurity);
    const rules = options.rules();
    checkHost(context.req.header("host"), rules);
    const origin = context.req.header("origin");
    checkOrigin(origin, context.req.header("host"), rules);
    if (origin !== undefined && rules.allowedOrigins.includes(origin)) allowOrigin(context, origin);
    return next();
  });
  for (const name of Object.keys(routeTable) as RouteName[]) mount(app, name, options);
  app.get("/join", (context) => context.html(joinPage));
  for (const path of new Set([...Object.values(routeTable).map((route) => honoPath(route.path)), "/join"])) {
    app.options(path, (context) => preflight(context, path));
    app.all(path, () => {
      throw new ParleyError("method_not_allowed");
    });
  }
  app.notFound((context) =>
    fail(context, new ParleyError("not_found", { message: "There is no such address; see /openapi.json." })),
  );
  app.onError((error, context) => {
    const coded = toParleyError(error);
    if (coded.code === "internal")
      options.log("error", "http.failed", { path: context.req.routePath, error: error.message });
    return fail(context, coded);
  });
  return app;
}

function mount(app: Hono<Env>, name: RouteName, options: HttpAppOptions): void {
  const { handlers, authenticate, bodyPace } = options;
  const route = routeTable[name];
  // The table pairs each name with its body; the compiler cannot see that through a lookup by a union.
  const handler = handlers[name] as (call: RouteCall<RouteName>) => object | Promise<object>;
  // Hono hands HEAD to the routes of GET, so both of a path are told apart here.
  const method = route.method === "head" ? "GET" : route.method.toUpperCase();
  app.on(method, honoPath(route.path), async (context, next) => {
    if (route.method === "head" && context.req.method !== "HEAD") return next();
    const caller = route.access === "session" ? await authenticate(context.req.header("authorization")) : undefined;
    if (caller !== undefined && !mayCall(name, caller.roles)) throw new ParleyError("forbidden");
    if (caller !== undefined) await options.paceOf(caller.member);
    const { incoming, outgoing } = context.env;
    const body = "body" in route ? await readBody(incoming, route.body, bodyPace) : undefined;
    const answer = await handler({
      caller: caller as BearerOf<RouteName>,
      body: body as BodyOf<RouteName>,
      address: options.addressOf(incoming),
      param: (param) => context.req.param(param) ?? "",
      query: (query) => context.req.query(query),
      header: (header) => context.req.header(header),
      bytes: (most) => readBytes(incoming, most, bodyPace),
      whenDone: (run) => void outgoing.once("close", run),
    });
    if (answer instanceof Response) return withOurHeaders(context, answer);
    if (isUnready(answer)) return context.json(answer.reply, answer.status);
    return context.json(answer);
  });
}

/** A handler's own response, with the headers of every answer; where both name one, the handler's counts. */
function withOurHeaders(context: Context<Env>, { body, status, headers }: Response): Response {
  context.status(status as StatusCode);
  for (const [name, value] of headers) context.header(name, value);
  return body === null ? context.body(null) : context.body(body);
}

function isUnready(answer: object): answer is { readonly status: 503; readonly reply: object } {
  return "status" in answer && answer.status === 503 && "reply" in answer;
}

/** Media type, size, nesting and shape, in that order. */
async function readBody(incoming: IncomingMessage, schema: z.ZodType, pace: BodyPace): Promise<unknown> {
  const decoded = decodeJson(schema, await readText(incoming, pace));
  if (!decoded.ok) throw new ParleyError(decoded.code, { message: decoded.message });
  return decoded.value;
}

function fail(context: Context<Env>, error: ParleyError): Response {
  for (const [name, value] of Object.entries(errorHeaders(error))) context.header(name, value);
  return Response.json(
    { error: toWireError(error) },
    { status: errorTable[error.code].status, headers: context.res.headers },
  );
}

function allowOrigin(context: Context<Env>, origin: string): void {
  context.header("access-control-allow-origin", origin);
  context.header("vary", "origin");
  context.header("cross-origin-resource-policy", "cross-origin");
  context.header("access-control-expose-headers", `etag, content-range, ${blobHeldUntilHeader}`);
}

/** Fetch standard, section 3.3: which methods and headers a page of an allowed origin may use. */
function preflight(context: Context<Env>, path: string): Response {
  const methods = Object.values(routeTable)
    .filter((route) => honoPath(route.path) === path)
    .map((route) => route.method.toUpperCase());
  context.header("access-control-allow-methods", methods.join(", "));
  context.header("access-control-allow-headers", "authorization, content-type, if-range, range");
  return context.body(null, 204);
}

const honoPath = (path: string): string => path.replaceAll(/\{(\w+)\}/g, ":$1");
