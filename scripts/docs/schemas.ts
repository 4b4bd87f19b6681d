import {
  callEventSchema,
  callSchema,
  challengeSchema,
  contentSchema,
  gossipSchema,
  historySchema,
  proofSchema,
  pushTable,
  requestTable,
  routeTable,
  signalSchema,
  statementSchemas,
  syncSchema,
  typingSchema,
  welcomeSchema,
} from "@parley/protocol";

import { type AnySchema, jsonSchemaOf } from "../../packages/protocol/test/json-schema.ts";

const mapped = (schemas: Readonly<Record<string, AnySchema>>): object =>
  Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, withoutDialect(jsonSchemaOf(schema))]));

function withoutDialect(schema: object): object {
  const { $schema: _, ...rest } = schema as { readonly $schema?: string };
  return rest;
}

/** One file: its schemas by name, under `$defs`. */
export const schemaFile = (title: string, schemas: Readonly<Record<string, AnySchema>>): object => ({
  $schema: "https://json-schema.org/draft/2020-12/schema",
  title,
  $defs: mapped(schemas),
});

const pick = (field: "body" | "reply", table: Readonly<Record<string, object>>): Record<string, AnySchema> =>
  Object.fromEntries(
    Object.entries(table).flatMap(([name, row]) => {
      const { [field]: schema } = row as { readonly body?: AnySchema; readonly reply?: AnySchema };
      return schema === undefined ? [] : [[name, schema]];
    }),
  );

/** The JSON Schemas of every message that is JSON, by file name. */
export function makeSchemas(): Readonly<Record<string, object>> {
  return {
    "statements.json": schemaFile("Payloads of statements, by type", statementSchemas),
    "handshake.json": schemaFile("The handshake of a session", {
      challenge: challengeSchema,
      proof: proofSchema,
      welcome: welcomeSchema,
    }),
    "requests.json": schemaFile("Bodies of a session's requests, by type", pick("body", requestTable)),
    "replies.json": schemaFile("Bodies of the replies, by type of request", pick("reply", requestTable)),
    "pushes.json": schemaFile("Bodies of pushes, by type", pick("body", pushTable)),
    "http-requests.json": schemaFile("Bodies of HTTP requests, by route", pick("body", routeTable)),
    "http-replies.json": schemaFile("Bodies of HTTP answers, by route", pick("reply", routeTable)),
    "envelope-bodies.json": schemaFile("Bodies of envelopes, by kind", {
      call: callSchema,
      callEvent: callEventSchema,
      signal: signalSchema,
      typing: typingSchema,
      sync: syncSchema,
      message: contentSchema,
      gossip: gossipSchema,
      history: historySchema,
    }),
  };
}
