import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { callerLineSchema, helloSchema, holderLineSchema, welcomeLineSchema } from "../src/local-lines.ts";
import { type OperationName, operationTable } from "../src/operations.ts";
import { openSocket } from "./open-socket.ts";
import { RawCaller } from "./raw-caller.ts";

const read = (file: string): unknown =>
  JSON.parse(readFileSync(join(import.meta.dirname, "..", "vectors", file), "utf8"));

const lines = read("lines.json") as {
  hello: object[];
  welcome: object;
  fromProgram: object[];
  toProgram: object[];
  wrong: { name: string; line: string; code?: string }[];
};
const operations = read("operations.json") as {
  valid: Record<string, { body: object; events: object[]; reply: object }>;
  bodies: { op: string; body: object }[];
  wrong: { name: string; op: string; body: object; code: string }[];
};

const row = (op: string) => operationTable[op as OperationName];

describe("the vectors of the socket's lines", () => {
  it("are read as they stand", () => {
    for (const line of lines.hello) expect(helloSchema.parse(line)).toEqual(line);
    expect(welcomeLineSchema.parse(lines.welcome)).toEqual(lines.welcome);
    for (const line of lines.fromProgram) expect(callerLineSchema.parse(line)).toEqual(line);
    for (const line of lines.toProgram) expect(holderLineSchema.parse(line)).toEqual(line);
  });

  it.each(lines.wrong)("end the connection: $name", async ({ line, code = "invalid_argument" }) => {
    const { path } = await openSocket();
    const caller = await RawCaller.greeted(path);
    caller.send(line);
    expect(await caller.next()).toMatchObject({ error: { code, retryable: false } });
    expect(await caller.next()).toBeUndefined();
  });
});

describe("the vectors of the socket's operations", () => {
  it.each(Object.entries(operations.valid))("are of their schemas: %s", (op, { body, events, reply }) => {
    expect(row(op).body.parse(body)).toEqual(body);
    for (const event of events) expect(row(op).event.safeParse(event).error).toBeUndefined();
    expect(row(op).reply.safeParse(reply).error).toBeUndefined();
  });

  it.each(operations.bodies)("are taken: $op $body", ({ op, body }) => {
    expect(row(op).body.parse(body)).toEqual(body);
  });

  it("refuse wrong bodies with a code, and the connection goes on", async () => {
    const { path } = await openSocket();
    const caller = await RawCaller.greeted(path);
    for (const [index, { op, body, code }] of operations.wrong.entries()) {
      caller.send({ id: index + 1, op, body });
      expect(await caller.next()).toMatchObject({ re: index + 1, error: { code } });
    }
    caller.send({ id: 99, op: "status", body: {} });
    expect(await caller.next()).toMatchObject({ re: 99, body: { state: "connected" } });
  });
});
