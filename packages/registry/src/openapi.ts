import { errorTable, httpErrorSchema, routeTable } from "@parley/protocol";
import { z } from "zod";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type JsonObject = { [key: string]: Json };

/** The table of routes as OpenAPI 3.1. Made when it is first asked for: a registry starts without it. */
export function makeOpenApi(version: string, origin: string): JsonObject {
  const schemas: JsonObject = {};
  const paths: JsonObject = {};
  for (const [name, route] of Object.entries(routeTable)) {
    const parameters = [...route.path.matchAll(/\{(\w+)\}/g)].map((match): Json => ({
      name: match[1] ?? "",
      in: "path",
      required: true,
      schema: { type: "string" },
    }));
    if (name === "pairing" || name === "enrolment")
      parameters.push({
        name: "wait",
        in: "query",
        required: false,
        schema: { type: "integer", minimum: 0, maximum: 30 },
      });
    if (name === "putBlob")
      parameters.push({ name: "expires", in: "query", required: false, schema: { type: "integer", minimum: 0 } });
    const operation: JsonObject = {
      operationId: name,
      summary: route.says,
      ...(parameters.length === 0 ? {} : { parameters }),
      ...requestBody(name, route, schemas),
      responses: {
        "200": response(name, route, schemas),
        default: { description: "An error of the table.", content: json({ $ref: "#/components/schemas/Error" }) },
      },
      ...(route.access === "session" ? { security: [{ sessionToken: [] }] } : {}),
    };
    paths[route.path] = { ...(paths[route.path] as JsonObject | undefined), [route.method]: operation };
  }
  schemas["Error"] = toSchema(httpErrorSchema, "Error", schemas);
  return {
    openapi: "3.1.0",
    info: {
      title: "Parley registry",
      version,
      description: `What a device needs before it holds a session, and what is too large for one. Error codes: ${Object.keys(errorTable).join(", ")}.`,
    },
    servers: [{ url: origin }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        sessionToken: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "JWS",
          description: "What `token.get` of a session answers; good for five minutes.",
        },
      },
    },
  };
}

interface RouteBodies {
  readonly path: string;
  readonly body?: z.ZodType;
  readonly reply?: z.ZodType;
  readonly bytes?: "in" | "out";
}

function requestBody(name: string, { body, bytes }: RouteBodies, schemas: JsonObject): JsonObject {
  if (bytes === "in") return { requestBody: { required: true, content: octets } };
  if (body === undefined) return {};
  return { requestBody: { required: true, content: json(toSchema(body, `${name}Request`, schemas)) } };
}

function response(name: string, { reply, bytes }: RouteBodies, schemas: JsonObject): JsonObject {
  if (reply !== undefined) return { description: "Done.", content: json(toSchema(reply, `${name}Reply`, schemas)) };
  return { description: "Done.", ...(bytes === "out" ? { content: octets } : {}) };
}

/** OpenAPI 3.1: bytes have a media type and no schema. */
const octets: JsonObject = { "application/octet-stream": {} };

const json = (schema: Json): JsonObject => ({ "application/json": { schema } });

/** A schema whose shared parts lie among the document's components, where its references can find them. */
function toSchema(schema: z.ZodType, name: string, schemas: JsonObject): JsonObject {
  const made = z.toJSONSchema(schema, { unrepresentable: "any" }) as JsonObject;
  const { $schema: _dialect, $defs: parts, ...rest } = made;
  const rename = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(rename);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [
        key,
        key === "$ref" && typeof inner === "string"
          ? inner.replace("#/$defs/", `#/components/schemas/${name}_`)
          : rename(inner),
      ]),
    );
  };
  for (const [part, inner] of Object.entries((parts as JsonObject | undefined) ?? {}))
    schemas[`${name}_${part}`] = rename(inner);
  return rename(rest) as JsonObject;
}
