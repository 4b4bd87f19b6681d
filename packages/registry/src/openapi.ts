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
    if ("query" in route) parameters.push(...queryParameters(name, route.query, schemas));
    const operation: JsonObject = {
      operationId: name,
      summary: route.says,
      ...(parameters.length === 0 ? {} : { parameters }),
      ...requestBody(name, route, schemas),
      responses: {
        "200": response(name, route, schemas),
        default: { description: "An error of the table.", content: json({ $ref: "#/components/schemas/Error" }) },
      },
      ...security(route),
    };
    paths[route.path] = { ...(paths[route.path] as JsonObject | undefined), [route.method]: operation };
  }
  schemas["Error"] = toSchema(httpErrorSchema, "Error", schemas);
  return {
    openapi: "3.1.0",
    info: {
      title: "Parley registry",
      version,
      description: `What a device needs before it holds a session, what is too large for one, and what scripts may ask. Error codes: ${Object.keys(errorTable).join(", ")}.`,
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
        apiKey: {
          type: "http",
          scheme: "bearer",
          bearerFormat: "pak_…",
          description: "What `parley key create` shows once; good for the scopes that it was made for.",
        },
      },
    },
  };
}

/** How a caller may show who it is; several ways are alternatives. */
function security(route: { readonly access: string; readonly scope?: string }): JsonObject {
  if (route.access !== "session" && route.access !== "setting") return {};
  const ways: Json[] = [{ sessionToken: [] }];
  if (route.scope !== undefined) ways.push({ apiKey: [route.scope] });
  if (route.access === "setting") ways.push({});
  return { security: ways };
}

function queryParameters(name: string, query: z.ZodType, schemas: JsonObject): Json[] {
  const made = z.toJSONSchema(query, { unrepresentable: "any", io: "input" }) as { properties?: JsonObject };
  return Object.entries(made.properties ?? {}).map(([parameter, schema]): Json => {
    schemas[`${name}_${parameter}`] = schema;
    return {
      name: parameter,
      in: "query",
      required: false,
      schema: { $ref: `#/components/schemas/${name}_${parameter}` },
    };
  });
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
