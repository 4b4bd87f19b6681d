/** Vectors of the device's socket: lines, the bodies of what programs use most, and what a holder answers to wrong ones. */
import { fixedId, vectorTime } from "./identities.ts";

const member = fixedId(32, 1);
const device = fixedId(32, 2);
const mesh = fixedId(32, 3);
const task = fixedId(16, 4);
const from = { member, name: "ada", device, kind: "person", roles: ["member"], trust: "contact", verified: false };
const delivery = { id: "Yx3mQp.7", state: "delivered", at: vectorTime, tookMs: 12, path: "direct", device };
const message = {
  id: "Yx3mQp.8",
  from,
  text: "hello",
  attachments: [],
  created: vectorTime,
  path: "direct",
  class: "durable",
  redelivered: false,
  hops: 0,
  request: false,
  secret: false,
};
const archived = {
  conversation: `#${fixedId(16, 5)}`,
  id: fixedId(16, 6),
  sort: 7,
  author: member,
  name: "ada",
  device,
  created: vectorTime,
  taken: vectorTime,
  content: { type: "text", text: "hello" },
  protection: "signed",
  own: false,
  reactions: {},
  replies: 0,
};
const linked = { member, name: "ada", device, path: "direct" };
const add = {
  id: "add",
  description: "Adds two numbers",
  tags: ["math"],
  input: { type: "object", properties: { a: { type: "number" }, b: { type: "number" } }, required: ["a", "b"] },
  output: { type: "number" },
  approval: { quorum: 1 },
};

/** Bodies, events and replies by operation; every one is of its schema. */
const operations = {
  send: {
    body: { to: "@ada", text: "hello" },
    events: [{ sent: { ...delivery, state: "accepted" } }, { delivery }],
    reply: delivery,
  },
  say: {
    body: { conversation: "#general", text: "hello", answers: fixedId(16, 6) },
    events: [{ sent: { ...delivery, state: "accepted" } }],
    reply: { ...delivery, state: "stored" },
  },
  broadcast: {
    body: { text: "all hands", kind: "agent", waitMs: 1000 },
    events: [{ sent: { name: "ada", member, state: "stored", path: "mailbox" } }],
    reply: { members: 1 },
  },
  list_peers: {
    body: { skill: "add", live: true },
    events: [],
    reply: {
      peers: [
        {
          member,
          name: "ada",
          kind: "agent",
          roles: ["member"],
          live: true,
          description: "Adds",
          skills: [{ id: "add", description: "Adds two numbers", tags: ["math"] }],
          links: [{ device, path: "direct" }],
        },
      ],
    },
  },
  connect: {
    body: { to: "@ada" },
    events: [],
    reply: { member, name: "ada", device, state: "open", path: "direct", openedInMs: 30, reason: "direct-link", attempts: 1 },
  },
  delegate: {
    body: { to: "@adder", skill: "add", input: { a: 1, b: 2 }, timeLimitMs: 60_000 },
    events: [
      { to: from },
      {
        task: {
          path: "direct",
          response: { task: { id: task, contextId: fixedId(16, 5), status: { state: "TASK_STATE_WORKING" } } },
        },
      },
    ],
    reply: { path: "direct", tookMs: 12 },
  },
  serve: {
    body: { skills: [add], concurrency: 4 },
    events: [
      { serving: ["add"] },
      { task: { task, skill: "add", input: { a: 1, b: 2 }, text: "", from, hops: 0, deadline: vectorTime } },
      { cancel: { task, error: { code: "canceled", message: "The caller canceled it." } } },
    ],
    reply: {},
  },
  subscribe: {
    body: { events: ["messages", "peers", "receipts"] },
    events: [
      { subscribed: true },
      { message },
      { peer_list: [linked] },
      { peer_connected: linked },
      { peer_disconnected: linked },
      { receipt: { to: member, delivery } },
      {
        post: {
          channel: archived.conversation.slice(1),
          channelName: "general",
          message: archived,
          replay: false,
          redelivered: false,
        },
      },
    ],
    reply: {},
  },
  history: { body: { conversation: "@ada", limit: 20 }, events: [{ message: archived }], reply: { more: false } },
} as const;

/** Further bodies that are right. */
const otherBodies = [
  ["reply", { task, progress: "half way" }],
  ["reply", { task, artifact: { artifactId: "page", text: "one", append: true, lastChunk: true } }],
  ["reply", { task, result: 3 }],
  ["reply", { task, result: null }],
  ["reply", { task, error: { code: "not_found", message: "There is no such book." } }],
  ["reply", { task, error: {} }],
  ["reply", { task, ask: { question: "Which one?", of: "@ada", withinMs: 60_000 } }],
  ["subscribe", { channel: "#general", name: "reader", replay: 10 }],
  ["delegate", { skill: "add", task, onBehalf: true }],
] as const;

/** Bodies that are answered with `invalid_argument`, and the connection goes on. */
const wrongBodies = [
  ["send", { to: "@ada" }, "a field is missing"],
  ["send", { to: "@ada", text: "x", colour: "red" }, "a field is unknown"],
  ["list_peers", { limit: 0 }, "a page of nothing"],
  ["serve", { skills: [] }, "no skill"],
  ["serve", { skills: [{ id: "not an id" }] }, "no id of a skill"],
  ["serve", { skills: [add], concurrency: 257 }, "more tasks than may be"],
  ["reply", { task }, "nothing said"],
  ["reply", { task, progress: "x", result: 1 }, "two things said"],
  ["reply", { task, error: { code: "no-such-code" } }, "a code of no table"],
  ["subscribe", { events: [] }, "nothing to follow"],
  ["subscribe", { events: ["weather"] }, "an event that there is not"],
  ["history", { conversation: "@ada", limit: 1001 }, "more than one answer holds"],
] as const;

const hello = { hello: { versions: [2], program: "painter", secret: "what lies beside the socket" } };

/** Lines, and whether a holder takes them after the greeting. */
const lines = {
  hello: [hello, { hello: { versions: [1, 2], program: "" } }],
  welcome: {
    welcome: { version: 2, member, device, name: "painter", mesh, lineBytes: 1_048_576, files: "/home/ada/.parley/device.sock.files" },
  },
  fromProgram: [
    { id: 1, op: "status", body: {} },
    { id: 2_147_483_648, op: "status", body: {} },
    { id: 2, op: "delegate", file: "4b7e0c.json" },
    { cancel: 1 },
    { ack: 1, n: 3 },
  ],
  toProgram: [
    { re: 1, n: 1, event: { serving: ["add"] } },
    { re: 1, n: 2, file: "9f3c1a77e2.json" },
    { re: 1, body: {} },
    { re: 1, file: "9f3c1a77e2.json" },
    { re: 1, error: { code: "not_connected", message: "@ada is not connected.", retryable: true } },
    { error: { code: "closed", message: "The process that held the device stopped.", retryable: true } },
  ],
  /** Each ends the connection, with `invalid_argument` unless it says another code. */
  wrong: [
    { name: "no JSON", line: "hello" },
    { name: "no object", line: "[1]" },
    { name: "an id of nothing", line: '{"id":0,"op":"status","body":{}}' },
    { name: "an id that is too large", line: '{"id":2147483649,"op":"status","body":{}}' },
    { name: "an id that is no number", line: '{"id":"1","op":"status","body":{}}' },
    { name: "a field that is unknown", line: '{"id":1,"op":"status","body":{},"more":1}' },
    { name: "a file outside the folder", line: '{"id":1,"op":"status","file":"../x"}' },
    { name: "a hidden file", line: '{"id":1,"op":"status","file":".x"}' },
    { name: "an acknowledgement of no event", line: '{"ack":1,"n":0}' },
    { name: "nesting without end", code: "too_large", line: `{"id":1,"op":"status","body":${"[".repeat(100)}${"]".repeat(100)}}` },
  ],
} as const;

/** The test vectors of the socket by file name. The same on every run. */
export const sidecarVectors = (): Readonly<Record<string, object>> => ({
  "lines.json": lines,
  "operations.json": {
    valid: operations,
    bodies: otherBodies.map(([op, body]) => ({ op, body })),
    wrong: wrongBodies.map(([op, body, name]) => ({ name, op, body, code: "invalid_argument" })),
  },
});
