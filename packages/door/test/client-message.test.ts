import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

import { textLimits } from "../src/bounds.ts";
import { decodeClientMessage } from "../src/client-message.ts";
import { Refusal } from "../src/refusal.ts";

const most = 64 * 1024;
const long = (characters: number): string => "x".repeat(characters);

interface Field {
  readonly good: unknown;
  readonly isNeeded: boolean;
  /** The longest text, if it is one whose length is bounded. */
  readonly longest?: string;
  readonly wrong: readonly unknown[];
}

const needed = (good: unknown, wrong: readonly unknown[], longest?: string): Field => ({
  good,
  isNeeded: true,
  wrong,
  ...(longest === undefined ? {} : { longest }),
});
const optional = (good: unknown, wrong: readonly unknown[], longest?: string): Field => ({
  ...needed(good, wrong, longest),
  isNeeded: false,
});

const noText = [1, true, {}, [], ["x"]];
const channel = needed("#a", [null, ...noText, "", "#", "a", "#a b", "##", "#ä", "#\u202e", "#a\n"], `#${long(31)}`);
const agent = needed("@a", [null, ...noText, "", "@", "#a", "a"], `@${long(127)}`);
const sig = optional("s", noText, long(textLimits.signature));
const id = needed("prop_1_2", [null, ...noText, ""], long(64));

/** Every message of a client with every field. */
const table: Readonly<Record<string, Readonly<Record<string, Field>>>> = {
  IDENTIFY: {
    name: needed("a-B_9", [null, ...noText, "", "a b", "ä", "a\u202eb", "a\u0000", "@a", "a\n"], long(32)),
    pubkey: optional("k", noText, long(2048)),
    token: optional("t", noText, long(256)),
  },
  VERIFY_IDENTITY: {
    challenge_id: needed("c", [null, ...noText], long(64)),
    signature: needed("s", [null, ...noText], long(256)),
    timestamp: needed(1, [null, "1", true, {}, []]),
  },
  JOIN: { channel },
  LEAVE: { channel },
  MSG: {
    to: needed("#a", [null, ...noText, "", "#", "@", "a"], `@${long(127)}`),
    content: needed("", [null, ...noText], long(4096)),
    ts: optional(1.5, ["1", true, {}, []]),
    sig,
  },
  LIST_CHANNELS: {},
  LIST_AGENTS: { channel },
  CREATE_CHANNEL: { channel, invite_only: optional(true, [1, "true", {}, []]) },
  INVITE: { channel, agent },
  PING: {},
  PROPOSAL: {
    to: agent,
    task: needed("t", [null, ...noText, ""], long(4096)),
    amount: optional(-1.5, [true, {}, [], long(65)], long(64)),
    currency: optional("SOL", noText, long(32)),
    payment_code: optional("", noText, long(512)),
    terms: optional("", noText, long(4096)),
    expires: optional(0, ["1", true, {}, [], -1, 315_360_001]),
    sig,
  },
  ACCEPT: { proposal_id: id, payment_code: optional("p", noText, long(512)), sig },
  REJECT: { proposal_id: id, reason: optional("r", noText, long(4096)), sig },
  COMPLETE: { proposal_id: id, proof: optional("p", noText, long(4096)), sig },
  DISPUTE: { proposal_id: id, reason: needed("r", [null, ...noText, ""], long(4096)), sig },
};

function read(value: unknown): object {
  return decodeClientMessage(JSON.stringify(value), most);
}

/** What reading gives: the message, or what was thrown. */
function outcomeOf(text: string): unknown {
  try {
    return decodeClientMessage(text, most);
  } catch (error) {
    return error;
  }
}

function isRefused(value: unknown): boolean {
  const outcome = outcomeOf(JSON.stringify(value));
  return outcome instanceof Refusal && outcome.code === "INVALID_MSG" && outcome.message.length < 500;
}

describe.each(Object.entries(table))("%s", (type, fields) => {
  const good = { type, ...Object.fromEntries(Object.entries(fields).map(([name, { good: value }]) => [name, value])) };

  it("is read with all its fields, and what else is in it is left out", () => {
    expect(read({ ...good, more: 1 })).toEqual(good);
  });

  it.each(Object.entries(fields))("has `%s`: absent, null, of a wrong form", (name, field) => {
    const { [name]: _, ...without } = good as Record<string, unknown>;
    expect(isRefused(without)).toBe(field.isNeeded);
    expect(isRefused({ ...good, [name]: null })).toBe(field.isNeeded);
    for (const value of field.wrong) expect([value, isRefused({ ...good, [name]: value })]).toEqual([value, true]);
  });

  it.each(Object.entries(fields).filter(([, { longest }]) => longest !== undefined))(
    "has `%s`: as long as allowed, and one more",
    (name, { longest }) => {
      expect(isRefused({ ...good, [name]: longest })).toBe(false);
      expect(isRefused({ ...good, [name]: `${longest}x` })).toBe(true);
    },
  );
});

describe("what comes over a connection", () => {
  it.each([
    "",
    "x",
    "null",
    "true",
    "0",
    '"x"',
    "[]",
    '[{"type":"PING"}]',
    "{}",
    '{"type":null}',
    '{"type":1}',
    '{"type":{}}',
    '{"type":"ping"}',
    '{"type":"NOPE"}',
    '{"type":"__proto__"}',
    '{"type":"constructor"}',
    '{"type":"PING"',
    "\u0000",
    "[".repeat(60_000),
    '{"a":'.repeat(10_000),
    `{"type":"PING","a":${"[".repeat(40)}${"]".repeat(40)}}`,
    JSON.stringify({ type: "MSG", to: "#a", content: "x".repeat(2_000_000) }),
  ])("is refused with INVALID_MSG when it is no message (%#)", (json) => {
    expect(() => decodeClientMessage(json, most)).toThrow(Refusal);
  });

  it("is never repeated in the refusal", () => {
    const secret = "tell-nobody";
    for (const value of [
      { type: secret },
      { type: "MSG", to: secret, content: secret },
      { type: "IDENTIFY", name: `${secret} ` },
      secret,
    ])
      expect(() => read(value)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining(secret) }) as Error,
      );
  });

  it("passes control and bidirectional characters in content, as they are", () => {
    const content = "a\u0000\u001b[31m\u202eb\u2066\n";
    expect(read({ type: "MSG", to: "#a", content })).toMatchObject({ content });
  });

  it("gives a message or a refusal, whatever it is", () => {
    const field = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.string(), fc.constantFrom("#a", "@a", "x"));
    const names = [...new Set(Object.values(table).flatMap((fields) => Object.keys(fields)))];
    const message = fc.tuple(
      fc.constantFrom(...Object.keys(table), "NOPE"),
      fc.dictionary(fc.constantFrom(...names), field),
    );
    const total = (text: string): boolean => {
      const outcome = outcomeOf(text);
      return outcome instanceof Refusal || Object.hasOwn(table, (outcome as { type: string }).type);
    };
    fc.assert(
      fc.property(message, ([type, fields]) => total(JSON.stringify({ ...fields, type }))),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.json(), total), { numRuns: 1000 });
    fc.assert(fc.property(fc.string(), total), { numRuns: 1000 });
  });
});
