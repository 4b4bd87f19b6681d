/** The registry's HTTP routes as a device calls them before it has a session. */
import {
  decodeJson,
  httpErrorSchema,
  type JsonRouteName,
  limits,
  ParleyError,
  type RouteName,
  type RouteReply,
  routeTable,
} from "@parley/protocol";

/** How calls reach the registry. */
export interface RegistryHttpOptions {
  /** Default: the platform's. */
  readonly fetch?: typeof fetch;
  readonly signal?: AbortSignal;
  /** Milliseconds until a call is given up. Default 10 s. */
  readonly timeoutMs?: number;
}

export interface RouteCall {
  readonly body?: unknown;
  /** Values of the `{…}` in the route's path. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
}

/** A reply, and the registry's own idea of the time from the `Date` header (RFC 9110 section 6.6.1), in ms since 1970. */
export interface RouteAnswer<Name extends JsonRouteName> {
  readonly body: RouteReply<Name>;
  readonly date: number | undefined;
}

const defaultTimeoutMs = 10_000;
/** The longest body is a whole chain of operator sets. */
const mostReplyBytes = limits.operatorChainBytes + limits.controlBytes;

const unreachable = (registry: string, cause: unknown): ParleyError =>
  new ParleyError("unreachable", {
    message: `The registry at ${registry} cannot be reached; check the address and that \`parley up\` runs there.`,
    cause,
  });

const notRegistry = (registry: string, cause?: unknown): ParleyError =>
  new ParleyError("unreachable", {
    message: `What answers at ${registry} is not a Parley registry of this version; check the address.`,
    cause,
  });

/** Reads a body up to the bound, so that a wrong address cannot fill the memory. */
async function readText(response: Response, registry: string): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > mostReplyBytes) {
      await reader.cancel();
      throw notRegistry(registry);
    }
    text += decoder.decode(value, { stream: true });
  }
}

function urlOf(registry: string, name: RouteName, call: RouteCall): string {
  const path = routeTable[name].path.replaceAll(/\{(\w+)\}/g, (_, key: string) =>
    encodeURIComponent(call.parameters?.[key] ?? ""),
  );
  const url = new URL(path, registry);
  for (const [key, value] of Object.entries(call.query ?? {})) url.searchParams.set(key, value);
  return url.href;
}

/**
 * Calls a route of the registry. Throws the registry's own coded error, `unreachable` when nothing or something else
 * answers, `canceled` when the signal was aborted.
 */
export async function callRoute<Name extends JsonRouteName>(
  registry: string,
  name: Name,
  call: RouteCall = {},
  options: RegistryHttpOptions = {},
): Promise<RouteAnswer<Name>> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? defaultTimeoutMs);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
  try {
    const response = await (options.fetch ?? fetch)(urlOf(registry, name, call), {
      method: routeTable[name].method.toUpperCase(),
      headers:
        call.body === undefined
          ? { accept: "application/json" }
          : { accept: "application/json", "content-type": "application/json" },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      redirect: "error",
      signal,
    });
    const text = await readText(response, registry);
    const date = Date.parse(response.headers.get("date") ?? "");
    return { body: decodeReply(registry, name, response.ok, text), date: Number.isNaN(date) ? undefined : date };
  } catch (error) {
    if (error instanceof ParleyError) throw error;
    if (options.signal?.aborted === true) throw new ParleyError("canceled", { cause: error });
    throw unreachable(registry, error);
  }
}

function decodeReply<Name extends JsonRouteName>(
  registry: string,
  name: Name,
  ok: boolean,
  text: string,
): RouteReply<Name> {
  if (!ok) {
    const failure = decodeJson(httpErrorSchema, text, mostReplyBytes);
    if (!failure.ok) throw notRegistry(registry, failure.message);
    const { code, message, data } = failure.value.error;
    throw new ParleyError(code, { message, ...(data === undefined ? {} : { data }) });
  }
  const reply = decodeJson(routeTable[name].reply, text, mostReplyBytes);
  if (!reply.ok) throw notRegistry(registry, reply.message);
  return reply.value as RouteReply<Name>;
}
