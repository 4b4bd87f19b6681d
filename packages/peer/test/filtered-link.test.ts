import type { LinkSignal } from "@parley/core";
import { limits } from "@parley/protocol";
import { expect, it, onTestFinished } from "vitest";

import { NodeLinkFactory, type NodeLinkFactoryOptions } from "../src/node-link-factory.ts";

const loopback = { name: "lo", address: "127.0.0.1", cidr: "127.0.0.1/8", internal: false };
const elsewhere = { name: "tun0", address: "192.0.2.7", cidr: "192.0.2.7/24", internal: false };
const options = { iceServers: [], maxMessageBytes: limits.frameBytes };

function factoryOf(made: NodeLinkFactoryOptions): NodeLinkFactory {
  const factory = new NodeLinkFactory(made);
  onTestFinished(() => factory.close());
  return factory;
}

/** Two links that signal each other; what each of them said, when the left one opens, and how one ends. */
function pairOf(left: NodeLinkFactory, right: NodeLinkFactory) {
  const said: { left: LinkSignal[]; right: LinkSignal[] } = { left: [], right: [] };
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<string>();
  const callbacks = (own: LinkSignal[], onOpen: () => void, pass: (signal: LinkSignal) => void) => ({
    onSignal: (signal: LinkSignal) => {
      own.push(signal);
      pass(signal);
    },
    onOpen,
    onMessage: () => undefined,
    onDrain: () => undefined,
    onClosed: (reason: string) => closed.resolve(reason),
  });
  const a = left.create(
    options,
    callbacks(
      said.left,
      () => opened.resolve(),
      (signal) => b.signal(signal),
    ),
  );
  const b = right.create(
    options,
    callbacks(
      said.right,
      () => undefined,
      (signal) => a.signal(signal),
    ),
  );
  return { a, b, said, opened: opened.promise, closed: closed.promise };
}

const addressesOf = (signals: readonly LinkSignal[]): readonly string[] =>
  signals.flatMap((signal) => (signal.type === "candidate" ? [signal.candidate.split(" ")[4] ?? ""] : []));

it("opens on the one interface that is left, and names no other address", async () => {
  const machine = { addresses: () => [loopback, elsewhere], sources: () => Promise.resolve(["192.0.2.7"]) };
  const { a, said, opened } = pairOf(factoryOf({ interfaces: ["lo"], machine }), factoryOf({}));
  a.offer();
  await opened;
  expect(new Set(addressesOf(said.left))).toEqual(new Set(["127.0.0.1"]));
  expect((await a.route())?.local).toContain("127.0.0.1");
});

it("makes no link when no interface is left", async () => {
  const machine = { addresses: () => [elsewhere], sources: () => Promise.resolve([]) };
  const { a, said, closed } = pairOf(factoryOf({ interfaces: ["!tun0"], machine }), factoryOf({}));
  a.offer();
  expect(await closed).toBe("no-interface");
  expect(said.left).toEqual([]);
});

it("refuses a rule that names no interface", () => {
  expect(() => new NodeLinkFactory({ interfaces: ["10.0.0.0/99"] })).toThrow("names no interface");
});
