/**
 * An agent as a process of its own on a real home, for tests that let it sleep: it writes down what it handles and hears,
 * each line at once, and sends what it is told to send. Arguments: home folder, file of lines, file of its clock's moves.
 */
import { join } from "node:path";

import { Device } from "@parley/client";
import { Home } from "@parley/client/node";
import { peekStatement } from "@parley/core";
import { NodeLinkFactory } from "@parley/peer/node";
import { openSqliteJournal } from "@parley/store-sqlite";

import { EvidenceFile } from "../chaos/evidence.ts";
import { JumpingClock, MovesFile } from "./jumping-clock.ts";

/** What it saw, in order. */
export type SleeperLine =
  | { readonly t: "handled"; readonly from: string; readonly text: string; readonly redelivered: boolean }
  | { readonly t: "delivery"; readonly id: string; readonly state: string }
  | { readonly t: "session"; readonly state: string }
  | { readonly t: "refused"; readonly code: string }
  /** Its member's encryption key, at the start and whenever it changes. */
  | { readonly t: "key"; readonly kid: string };

/** What it is told. */
export interface SleeperOrder {
  readonly to: string;
  readonly text: string;
  readonly ttlMs?: number;
}

const [folder = "", lines = "", moves = ""] = process.argv.slice(2);
const clock = new JumpingClock(new MovesFile(moves).read);
const evidence = new EvidenceFile<SleeperLine>(lines);
const home = await Home.open(folder, { clock });
const { identity, registry, trust, keepIdentity } = await home.heldMesh();
const noteKey = (devices: string): void =>
  evidence.write({ t: "key", kid: peekStatement("devices", devices).encryption.kid });
noteKey(identity.devices);

const device = await Device.open({
  strangers: "take",
  identity,
  registry,
  trust,
  clock,
  keepIdentity: async (changed) => {
    await keepIdentity(changed);
    noteKey(changed.devices);
  },
  journal: openSqliteJournal({ dir: join(home.path, "journal") }),
  links: { factory: new NodeLinkFactory() },
});
device.watch((event) => {
  if (event.type === "delivery") evidence.write({ t: "delivery", id: event.delivery.id, state: event.delivery.state });
  else if (event.type === "session") evidence.write({ t: "session", state: event.state });
  else if (event.type === "refused") evidence.write({ t: "refused", code: event.code });
});
device.onMessage(({ from, text, redelivered }) => {
  evidence.write({ t: "handled", from: from.name, text, redelivered });
});
process.on("message", ({ to, text, ttlMs }: SleeperOrder) => {
  void device.send(to, text, ttlMs === undefined ? {} : { ttlMs }).then(({ id }) => process.send?.({ id }));
});
process.on("disconnect", () => process.exit());
await device.start();
process.send?.({ ready: true });
