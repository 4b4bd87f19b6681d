import {
  callEventSchema,
  callSchema,
  challengeSchema,
  decodeJson,
  decodeNodeMessage,
  decodeRequest,
  contentSchema,
  gossipSchema,
  isErrorCode,
  limits,
  proofSchema,
  pushTable,
  requestTable,
  routeTable,
  signalSchema,
  statementSchemas,
  welcomeSchema,
} from "@parley/protocol";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { z } from "zod";

import { isTotal } from "./frames.ts";
import { readVectors } from "./vectors.ts";
import { wrongValues } from "./wrong-values.ts";

type Values = Readonly<Record<string, unknown>>;

const vectors = readVectors("session-messages.json") as {
  handshake: Values;
  requests: Values;
  replies: Values;
  pushes: Values;
  routeBodies: Values;
  routeReplies: Values;
  envelopeBodies: Readonly<Record<string, readonly unknown[]>>;
  invalidRequests: readonly { name: string; text: string; code: string; id?: number }[];
};
const statements = readVectors("statements.json") as {
  valid: readonly { type: keyof typeof statementSchemas; payload: unknown }[];
};

const bodySchemas = {
  call: callSchema,
  callEvent: callEventSchema,
  signal: signalSchema,
  message: contentSchema,
  gossip: gossipSchema,
};

/** Every message of the protocol that is JSON, with a valid one. */
const messages: readonly (readonly [string, z.ZodType, unknown])[] = [
  ...Object.entries({ challenge: challengeSchema, proof: proofSchema, welcome: welcomeSchema }).map(
    ([name, schema]) => [name, schema, vectors.handshake[name]] as const,
  ),
  ...Object.entries(requestTable).map(([type, { body }]) => [`request ${type}`, body, vectors.requests[type]] as const),
  ...Object.entries(requestTable).map(
    ([type, { reply }]) => [`reply to ${type}`, reply, vectors.replies[type]] as const,
  ),
  ...Object.entries(pushTable).map(([type, { body }]) => [`push ${type}`, body, vectors.pushes[type]] as const),
  ...Object.entries(routeTable).flatMap(([name, route]) =>
    "reply" in route ? [[`answer of ${name}`, route.reply, vectors.routeReplies[name]] as const] : [],
  ),
  ...Object.entries(routeTable).flatMap(([name, route]) =>
    "body" in route ? [[`body of ${name}`, route.body, vectors.routeBodies[name]] as const] : [],
  ),
  ...statements.valid.map(({ type, payload }) => [`statement ${type}`, statementSchemas[type], payload] as const),
  ...Object.entries(bodySchemas).flatMap(([kind, schema]) =>
    (vectors.envelopeBodies[kind] ?? []).map((body, index) => [`envelope ${kind} ${index}`, schema, body] as const),
  ),
];

const read = (schema: z.ZodType, value: unknown) => decodeJson(schema, JSON.stringify(value), 4 * 1024 * 1024);

describe("every message", () => {
  it.each(messages)("%s reads back as it was sent", (_name, schema, value) => {
    expect(read(schema, value)).toEqual({ ok: true, value });
  });

  it.each(messages)(
    "%s is refused with each field missing, of another type, out of bounds, or one too many",
    (_name, schema, value) => {
      const accepted = wrongValues(schema, value).filter((wrong) => {
        const result = read(schema, wrong.value);
        return result.ok || !isErrorCode(result.code);
      });
      expect(accepted.map(({ what }) => what)).toEqual([]);
    },
  );

  it("says which field is wrong without saying its value", () => {
    const wrong = decodeRequest('{"id":1,"type":"mailbox.ack","body":{"offset":"planted"}}');
    expect(wrong).toMatchObject({ ok: false, message: expect.stringMatching(/^offset: /) });
    expect(JSON.stringify(wrong)).not.toContain("planted");
  });
});

describe("a request", () => {
  it.each(Object.entries(vectors.requests))("%s reads back with its id", (type, body) => {
    expect(decodeRequest(JSON.stringify({ id: 7, type, body }))).toEqual({
      ok: true,
      id: 7,
      value: { id: 7, type, body },
    });
  });

  it.each(vectors.invalidRequests)("is refused, its id kept: $name", ({ text, code, id }) => {
    const result = decodeRequest(text);
    expect(result).toMatchObject({ ok: false, code });
    expect(result.id).toBe(id);
  });

  it.each([
    [limits.controlBytes - 1, "invalid_argument"],
    [limits.controlBytes, "invalid_argument"],
    [limits.controlBytes + 1, "too_large"],
  ])("of %i characters is judged: %s", (length, code) => {
    expect(decodeRequest("x".repeat(length))).toMatchObject({ ok: false, code });
    expect(decodeNodeMessage("x".repeat(length))).toMatchObject({ ok: false, code });
  });

  it("is read totally", () => {
    const type = fc.constantFrom(...Object.keys(requestTable));
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.record({ id: fc.nat(), type, body: fc.jsonValue() }).map((message) => JSON.stringify(message)),
    );
    fc.assert(
      fc.property(text, (sent) => {
        expect([decodeRequest(sent), decodeNodeMessage(sent)].every(isTotal)).toBe(true);
      }),
    );
  });
});

describe("what a node sends", () => {
  it.each(Object.entries(vectors.pushes))("is the push %s", (type, body) => {
    expect(decodeNodeMessage(JSON.stringify({ type, body }))).toEqual({ ok: true, value: { push: { type, body } } });
  });

  it("is a reply with a body or an error", () => {
    for (const reply of [
      { re: 1, body: {} },
      { re: 1, error: { code: "not_found", message: "x" } },
    ]) {
      expect(decodeNodeMessage(JSON.stringify(reply))).toEqual({ ok: true, value: { reply } });
    }
  });

  it("may be a push of a later version, which is skipped", () => {
    expect(decodeNodeMessage('{"type":"later","body":{"a":1}}')).toEqual({ ok: true, value: { unknown: "later" } });
    expect(decodeNodeMessage('{"type":"toString","body":1}')).toEqual({ ok: true, value: { unknown: "toString" } });
  });

  it.each([
    "[]",
    '{"re":0}',
    '{"re":1,"error":{"code":"no such","message":""}}',
    '{"type":"presence","body":{}}',
    '{"re":1,"extra":1}',
    "null",
  ])("is refused when it is neither: %s", (text) => {
    expect(decodeNodeMessage(text)).toMatchObject({ ok: false, code: "invalid_argument" });
  });
});
