/** A device's journal as one life of its process sees it. */
import type { Journal } from "@parley/core";

import { type Gate, gated } from "./gate.ts";

interface Flagged {
  readonly device: string;
  readonly epoch: string;
  readonly seq: number;
  readonly redelivered: boolean;
}

const keyOf = ({ device, epoch, seq }: Flagged): string => `${device}:${epoch}:${seq}`;
const reads: ReadonlySet<string> = new Set([
  "load",
  "pendingInbox",
  "pendingSenders",
  "deliveries",
  "getState",
  "close",
]);

/** Opens what an earlier life left: what is pending by then may have been handed out before, as the port says. */
export async function openSimJournal(
  journal: Journal,
  gate: Gate,
  spy: (name: string, args: readonly unknown[]) => void,
): Promise<Journal> {
  const pending = new Set((await journal.pendingInbox()).map(keyOf));
  const flag = <Entry extends Flagged>(entry: Entry): Entry =>
    pending.has(keyOf(entry)) ? { ...entry, redelivered: true } : entry;
  const flagged = new Proxy(journal, {
    get(target, name) {
      if (name === "close") return async () => undefined;
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (name !== "pendingInbox") return (...args: readonly unknown[]): unknown => Reflect.apply(value, target, args);
      return async (...args: readonly unknown[]) =>
        ((await Reflect.apply(value, target, args)) as readonly Flagged[]).map(flag);
    },
  });
  return gated(flagged, gate, (name) => !reads.has(name), spy);
}
