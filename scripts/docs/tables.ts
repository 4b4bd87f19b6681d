import {
  type ErrorCode,
  envelopeKinds,
  errorTable,
  limitTable,
  paceTable,
  pushTable,
  requestTable,
  routePace,
  routeTable,
  statementSchemas,
  statementTyp,
  type StatementType,
} from "@parley/protocol";

import { type AnySchema, jsonSchemaOf } from "../../packages/protocol/test/json-schema.ts";

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), `|${head.map(() => "---|").join("")}`, ...rows.map((cells) => row(cells))].join("\n");
const code = (text: string): string => `\`${text}\``;

/** Fields of an object, optional ones with `?`; alternatives one after the other. */
function fieldsOf(schema: AnySchema): string {
  const shape = jsonSchemaOf(schema) as {
    properties?: object;
    required?: readonly string[];
    anyOf?: readonly { properties?: object }[];
  };
  if (shape.anyOf !== undefined)
    return shape.anyOf.map(({ properties = {} }) => Object.keys(properties).map(code).join(", ")).join(" or ");
  const names = Object.keys(shape.properties ?? {});
  const named = names.map((name) => code(shape.required?.includes(name) === true ? name : `${name}?`)).join(", ");
  return named === "" ? "–" : named;
}

const signers: Readonly<Record<StatementType, string>> = {
  genesis: "first operator's root key",
  operators: "an operator with `admin` of the set before",
  node: "an operator",
  admission: "an operator; with a `grant`, its invite key",
  revocations: "an operator",
  rotation: "the member's root key before",
  devices: "the member's root key",
  card: "the member's root key",
  pairing: "the asking member's root key",
  session: "the device's key",
  welcome: "the node's key",
  lease: "the node's key",
  hello: "the device's key",
  "token-key": "the node's key",
  token: "a token key of a node",
  post: "the author's device",
  invitation: "a device of the member that invites",
  grant: "an operator",
  approval: "a device or the root key of the approving member",
  standing: "a device of the approving member",
  delegation: "a device or the root key of the member that delegates",
  acting: "the sub-agent's key",
  withdrawals: "the member's root key",
  policy: "an operator",
  restrictions: "an operator",
  holds: "the node's key",
  usage: "the device's key",
  head: "the node's key",
  checkpoint: "the node's key",
  witness: "an operator's device",
  agreement: "a device of the member that acts",
  "task-entry": "a device of the member that works on the task, or for `submitted` of who asked",
  "board-entry": "a device of the asker, or of the worker",
};

/** The parts of docs/protocol.md that come from tables, by the name in their markers. */
export function protocolTables(): Readonly<Record<string, string>> {
  return {
    statements: table(
      ["`typ`", "Signed by", "Payload"],
      (Object.keys(statementSchemas) as StatementType[]).map((type) => [
        code(statementTyp(type)),
        signers[type],
        fieldsOf(statementSchemas[type]),
      ]),
    ),
    kinds: table(
      ["Number", "Kind"],
      Object.entries(envelopeKinds).map(([name, number]) => [String(number), code(name)]),
    ),
    requests: table(
      ["Request", "Roles", "Body", "Reply", "What it does"],
      Object.entries(requestTable).map(([type, { roles, body, reply, says }]) => [
        code(type),
        roles.join(", "),
        fieldsOf(body),
        fieldsOf(reply),
        says,
      ]),
    ),
    pushes: table(
      ["Push", "Body", "What it says"],
      Object.entries(pushTable).map(([type, { body, says }]) => [code(type), fieldsOf(body), says]),
    ),
    routes: table(
      ["Route", "Who", "Body or query", "Answer", "What it does"],
      Object.values(routeTable).map((route) => [
        code(`${route.method.toUpperCase()} ${route.path}`),
        whoCalls(route),
        whatIsSent(route),
        "reply" in route ? fieldsOf(route.reply) : "bytes" in route ? "bytes" : "–",
        route.says,
      ]),
    ),
  };
}

const queryOf = (query: AnySchema): string => {
  const names = Object.keys((jsonSchemaOf(query) as { properties?: object }).properties ?? {});
  return names.length === 0 ? "–" : code(`?${names.join("=&")}=`);
};

/** Fields of the body, or the query. */
function whatIsSent(route: {
  readonly path: string;
  readonly body?: AnySchema;
  readonly query?: AnySchema;
  readonly bytes?: string;
}): string {
  if (route.query !== undefined) return queryOf(route.query);
  if (route.body !== undefined) return fieldsOf(route.body);
  return route.bytes === "in" ? "bytes" : "–";
}

/** Roles, and the scope that an API key needs. */
function whoCalls(route: {
  readonly access: string;
  readonly roles?: readonly string[];
  readonly scope?: string;
}): string {
  const { access, roles, scope } = route;
  const who = roles === undefined ? access : `${access}: ${roles.join(", ")}`;
  return scope === undefined ? who : `${who}; ${code(scope)}`;
}

const exits = ["done", "failed", "usage", "not reachable", "refused"];

/** docs/errors.md. */
export function errorsDocument(): string {
  const rows = (Object.keys(errorTable) as ErrorCode[]).map((name) => {
    const { retryable, status, close, exit, says } = errorTable[name];
    return [code(name), says, retryable ? "yes" : "no", String(status), String(close), `${exit} ${exits[exit]}`];
  });
  return `# Errors

Every failure that crosses a boundary of Parley has one of these codes: in a reply, an HTTP answer, a refusal inside a
frame, the close of a WebSocket, an exception, or a line that a command prints. Branch on the code, never on the text.

A WebSocket's close code tells what to do next: 4100-4199 come back after a pause, 4200-4299 come back with other
credentials, 4300-4499 do not come back. *Retry* says whether the same thing may succeed later without a change.

${table(["Code", "Says", "Retry", "HTTP", "Close", "Exit"], rows)}

This page is generated from \`packages/protocol/src/errors.ts\` by \`npm run docs:update\`.
`;
}

const units: Readonly<Record<string, (value: number) => string>> = {
  bytes: (value) =>
    value % 1_048_576 === 0
      ? `${value / 1_048_576} MiB`
      : value % 1024 === 0
        ? `${value / 1024} KiB`
        : `${value} bytes`,
  ms: (value) =>
    value % 86_400_000 === 0
      ? `${value / 86_400_000} d`
      : value % 60_000 === 0
        ? `${value / 60_000} min`
        : `${value / 1000} s`,
  count: (value) => value.toLocaleString("en"),
  characters: (value) => `${value} characters`,
  levels: (value) => `${value} levels`,
};

/** A row for each way in, as the access table has one. */
function paces(): string {
  const others: Readonly<Record<string, string>> = {
    join: code("GET /join"),
    openSession: `${code("GET /session")}, ${code("GET /chat")}`,
    other: "anything else",
  };
  const nameOf = (route: string): string =>
    others[route] ??
    Object.entries(routeTable)
      .filter(([name]) => name === route)
      .map(([, { method, path }]) => code(`${method.toUpperCase()} ${path}`))
      .join();
  const rows = Object.entries(routePace).map(([route, pace]) => [
    nameOf(route),
    String(paceTable[pace].perSecond),
    paceTable[pace].means,
  ]);
  return table(["Way in", "A second", "Why"], rows);
}

/** docs/limits.md. */
export function limitsDocument(): string {
  const rows = Object.entries(limitTable).map(([name, { value, unit, means }]) => [
    code(name),
    units[unit]?.(value) ?? String(value),
    means,
  ]);
  return `# Limits

Every bound of the wire, in one table. What goes over one is refused with a code of [errors.md](errors.md), mostly
\`too_large\` or \`limit_reached\`.

${table(["Limit", "Value", "Means"], rows)}

## Ways in over HTTP

What one address may ask a second, an IPv6 address standing for its /64, with a burst of ten times that. A request that comes a
little too soon is held for up to a second; one that comes much too soon is held and then refused with \`rate_limited\`. Other limits
count on top: those of connections and of requests at once by address, and those of a member whatever its addresses.

${paces()}

This page is generated from \`packages/protocol/src/limits.ts\` and \`route-pace.ts\` by \`npm run docs:update\`.
`;
}
