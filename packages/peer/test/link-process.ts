/** A process with two linked ends. Its one argument says how it is to end. */
import type { Link, LinkSignal } from "@parley/core";

import { NodeLinkFactory } from "../src/node-link-factory.ts";

const mode = process.argv[2] ?? "";
const options = { iceServers: [], maxMessageBytes: 262_144, bindAddress: "127.0.0.1" };
const left = new NodeLinkFactory();
const right = new NodeLinkFactory();
const ends: Link[] = [];
let received = 0;

if (mode === "throw-handled") process.on("uncaughtException", (error) => console.log("uncaught", error.message));

const callbacks = (far: number, onMessage: () => void) => ({
  onSignal: (signal: LinkSignal) => ends[far]?.signal(signal),
  onOpen: () => {
    for (let count = 0; count < 3; count++) ends[0]?.send(Uint8Array.of(count));
  },
  onMessage,
  onDrain: () => {},
  onClosed: () => {},
});

ends.push(
  left.create(
    options,
    callbacks(1, () => {}),
  ),
);
ends.push(
  right.create(
    options,
    callbacks(0, () => onMessage()),
  ),
);
ends[0]?.offer();

function onMessage(): void {
  received++;
  if (mode.startsWith("throw") && received < 3) throw new Error(`message ${received}`);
  if (received !== 3) return;
  console.log("done");
  if (mode === "exit") process.exit(3);
  if (mode === "close-links") for (const end of ends) end.close();
  else void Promise.all([left.close(), right.close()]);
}
