import { type AnySchema } from "../../packages/protocol/test/json-schema.ts";
import {
  callerLineSchema,
  helloSchema,
  holderLineSchema,
  welcomeLineSchema,
} from "../../packages/sidecar/src/local-lines.ts";
import {
  acknowledgedOperations,
  endlessOperations,
  type OperationName,
  operationTable,
} from "../../packages/sidecar/src/operations.ts";
import { schemaFile } from "./schemas.ts";

const names = Object.keys(operationTable) as OperationName[];

/** Operations without events have none in the file either. */
const streams = (name: OperationName): boolean => operationTable[name].event.type !== "never";

const pick = (field: "body" | "event" | "reply"): Record<string, AnySchema> =>
  Object.fromEntries(
    names
      .filter((name) => field !== "event" || streams(name))
      .map((name) => [name, operationTable[name][field] as AnySchema]),
  );

/** The JSON Schemas of the device's socket, by file name. */
export function makeSidecarSchemas(): Readonly<Record<string, object>> {
  return {
    "lines.json": schemaFile("Lines of the device's socket", {
      hello: helloSchema,
      welcome: welcomeLineSchema,
      fromProgram: callerLineSchema,
      toProgram: holderLineSchema,
    }),
    "requests.json": schemaFile("Bodies of requests to the device's socket, by operation", pick("body")),
    "events.json": schemaFile("Events that answer a request, by operation", pick("event")),
    "replies.json": schemaFile("Bodies of replies, by operation", pick("reply")),
  };
}

/** Every operation of the socket, as a table of docs/sidecar.md. */
export function operationsTable(): string {
  const row = (name: OperationName): string => {
    const marks = [
      streams(name) ? "events" : "",
      acknowledgedOperations.includes(name) ? "each waits for its `ack`" : "",
      endlessOperations.includes(name) ? "until it is cancelled" : "",
    ].filter((mark) => mark !== "");
    return `| \`${name}\` | ${operationTable[name].says} | ${marks.join(", ")} |`;
  };
  return ["| Operation | What it does | Streams |", "|---|---|---|", ...names.toSorted().map(row)].join("\n");
}
