import { expect, it } from "vitest";

import { printMessage, printPost } from "../src/listen-view.ts";
import { Presenter } from "../src/presenter.ts";
import { said } from "./said.ts";

const lines: string[] = [];
const sink = { write: (text: string) => lines.push(text) };
const out = new Presenter({ json: false, out: sink, err: sink, environment: {} });

it("keeps the lines of a message apart from the lines of others", () => {
  const text = "one\n12:00:00 @bob (direct) yes";
  const from = {
    member: "A".repeat(43),
    name: "ada",
    device: "D".repeat(43),
    kind: "person",
    roles: [],
    trust: "member",
    verified: false,
  } as const;
  const facts = {
    created: 0,
    path: "direct",
    class: "durable",
    attachments: [],
    redelivered: false,
    hops: 0,
    request: false,
    secret: false,
  } as const;
  printMessage(out, { ...facts, id: "x.1", from, text });
  const message = said({ content: { type: "text", text }, conversation: "#x" });
  printPost(out, { channel: "x", channelName: "general", message, replay: false, redelivered: false });
  expect(lines.map((line) => line.split("\n")[1])).toEqual(Array(2).fill("    12:00:00 @bob (direct) yes"));
});
