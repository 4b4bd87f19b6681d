import type { IncomingMessage } from "node:http";

import type { HttpBindings } from "@hono/node-server";
import {
  blobHeldUntilHeader,
  decodeJson,
  errorTable,
  issueOf,
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

import { errorHeaders, securityHeaders, transportSecurity } from "./answer-headers.ts";
import type { Bearer } from "./credentials/bearer.ts";
import type { Bearers } from "./credentials/bearers.ts";
import type { LiveCalls } from "./credentials/live-calls.ts";
import { refuseSecretInUrl } from "./credentials/secret-in-url.ts";
import { checkHost, checkOrigin, type HostRules } from "./host-check.ts";
import { joinPage } from "./join-page.ts";
import type { RegistryLog } from "./options.ts";
import { type BodyPace, readBytes, readText } from "./request-body.ts";
import { toWireError } from "./wire-error.ts";

type Routes = typeof routeTable;
type BodyOf<Name extends RouteName> = Routes[Name] extends { readonly body: infer Schema extends z.ZodType }
  ? z.infer<Schema>
  : undefined;

type QueryOf<Name extends RouteName> = Routes[Name] extends { readonly query: infer Schema extends z.ZodType }
  ? z.infer<Schema>
  : (name: string) => string | undefined;

type BearerOf<Name extends RouteName> = Routes[Name] extends { readonly access: "session" }
  ? Bearer
  : Routes[Name] extends { readonly access: "setting" }
    ? Bearer | undefined
    : undefined;

/** What a route's handler gets of its request. */
interface RouteCall<Name extends RouteName> {
  /** Whose session token or API key it brought, where one is needed. */
  readonly caller: BearerOf<Name>;
  readonly body: BodyOf<Name>;
  readonly address: string;
  readonly param: (name: string) => string;
  /** The whole query where the table says what is in one, else one value by its name. */
  readonly query: QueryOf<Name>;
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
  readonly bearers: Bearers;
  readonly liveCalls: LiveCalls;
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
    refuseSecretInUrl(context.env.incoming.url ?? "");
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
  const { handlers, bearers, liveCalls, bodyPace } = options;
  const route = routeTable[name];
  // The table pairs each name with its body; the compiler cannot see that through a lookup by a union.
  const handler = handlers[name] as (call: RouteCall<RouteName>) => object | Promise<object>;
  // Hono hands HEAD to the routes of GET, so both of a path are told apart here.
  const method = route.method === "head" ? "GET" : route.method.toUpperCase();
  app.on(method, honoPath(route.path), async (context, next) => {
    if (route.method === "head" && context.req.method !== "HEAD") return next();
    const { incoming, outgoing } = context.env;
    const address = options.addressOf(incoming);
    const authorization = context.req.header("authorization");
    const needsBearer = route.access === "session" || (route.access === "setting" && authorization !== undefined);
    const caller = needsBearer ? await bearers.admit(name, authorization, address) : undefined;
    if (caller !== undefined) await options.paceOf(caller.member);
    // Nothing is awaited in between: what ends the credential from here on ends the call.
    if (caller !== undefined)
      outgoing.once(
        "close",
        liveCalls.add(caller, () => outgoing.destroy()),
      );
    const query = "query" in route ? readQuery(context, route.query) : (key: string) => context.req.query(key);
    const body = "body" in route ? await readBody(incoming, route.body, bodyPace) : undefined;
    const answer = await handler({
      caller: caller as BearerOf<RouteName>,
      body: body as BodyOf<RouteName>,
      address,
      param: (param) => context.req.param(param) ?? "",
      query: query as QueryOf<RouteName>,
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

/** Names and values of the table, each once. */
function readQuery(context: Context<Env>, schema: z.ZodType): unknown {
  const values = Object.entries(context.req.queries());
  const twice = values.find(([, all]) => all.length > 1);
  if (twice !== undefined) throw new ParleyError("invalid_argument", { message: "A name stands in the query twice." });
  const parsed = schema.safeParse(Object.fromEntries(values.map(([name, [value]]) => [name, value])));
  if (!parsed.success) throw new ParleyError("invalid_argument", { message: issueOf(parsed.error) });
  return parsed.data;
}

/** Media type, size, nesting and shape, in that order. */
async function readBody(incoming: IncomingMessage, schema: z.ZodType, pace: BodyPace): Promise<unknown> {
  const decoded = decodeJson(schema, await readText(incoming, pace));
  if (!decoded.ok) throw new ParleyError(decoded.code, { message: decoded.message });
  return decoded.value;
}

function fail(context: Context<Env>, error: ParleyError): Response {
  const { status } = errorTable[error.code];
  // RFC 6750 section 3; it says no more than the status does.
  if (status === 401) context.header("www-authenticate", "Bearer");
  for (const [name, value] of Object.entries(errorHeaders(error))) context.header(name, value);
  return Response.json({ error: toWireError(error) }, { status, headers: context.res.headers });
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
