import { type DeviceEvent, openAuditMemory } from "@parley/client";
import {
  type AppendOptions,
  type Log,
  openMemoryStores,
  type ReadOptions,
  sha256,
  type Stores,
  systemClock,
} from "@parley/core";
import { decodeAuditEntry, encodeAuditEntry, type AuditEntry } from "@parley/protocol";
import type { RegistryOptions } from "@parley/registry";

import { Events, MeshScope, until } from "./device-fixture.ts";

/** A Log whose audit stream somebody with the registry's disk can rewrite between two starts of the node. */
class WritableAudit implements Log {
  readonly #inner: Log;
  #audit: Log;
  #epoch = "the-one-epoch";

  constructor(inner: Log) {
    this.#inner = inner;
    this.#audit = openMemoryStores({ clock: systemClock }).log;
  }

  append(stream: string, entry: Uint8Array, options?: AppendOptions) {
    return this.#of(stream).append(stream, entry, options);
  }

  async read(stream: string, options?: ReadOptions) {
    const page = await this.#of(stream).read(stream, options);
    return stream.startsWith("audit/") ? { ...page, epoch: this.#epoch } : page;
  }

  trim(stream: string, upTo: number) {
    return this.#of(stream).trim(stream, upTo);
  }

  async bounds(stream: string) {
    const bounds = await this.#of(stream).bounds(stream);
    return stream.startsWith("audit/") ? { ...bounds, epoch: this.#epoch } : bounds;
  }

  remove(stream: string) {
    return this.#of(stream).remove(stream);
  }

  streams(...args: Parameters<Log["streams"]>) {
    return this.#inner.streams(...args);
  }

  newEpoch() {
    return this.#inner.newEpoch();
  }

  /** Every line, one after the other. */
  async lines(stream: string): Promise<string[]> {
    const { entries } = await this.#audit.read(stream, { limit: 1000 });
    return entries.flatMap(({ bytes }) => new TextDecoder().decode(bytes).split("\n"));
  }

  async rewrite(stream: string, lines: readonly string[], epoch: string = this.#epoch): Promise<void> {
    this.#audit = openMemoryStores({ clock: systemClock }).log;
    this.#epoch = epoch;
    for (const line of lines) await this.#audit.append(stream, new TextEncoder().encode(line));
  }

  #of(stream: string): Log {
    return stream.startsWith("audit/") ? this.#audit : this.#inner;
  }
}

/** A mesh whose operator's device has witnessed the log, and whose registry's disk is in hostile hands. */
export async function auditScene(registry: Partial<RegistryOptions> = {}) {
  const inner = openMemoryStores({ clock: systemClock });
  const log = new WritableAudit(inner.log);
  const stores: Stores = { ...inner, log, close: () => inner.close() };
  const scope = await MeshScope.start({
    stores,
    registry: { ...registry, bounds: { auditHeadMs: 1, ...registry.bounds } },
  });
  const { operator, nodeKey } = scope.mesh;
  const events = new Events(operator.device);
  const stream = `audit/${nodeKey.id}`;
  return {
    scope,
    log,
    operator,
    events,
    node: nodeKey.id,
    lines: () => log.lines(stream),
    /** Entries as they are kept, in order. */
    entries: async () => (await log.lines(stream)).map(entryIn),
    /** Resolves when the operator's device has left a witness of the newest entry. */
    async witnessed(): Promise<void> {
      await until(async () => {
        const { head, witnesses } = await operator.device.request("audit.head", {});
        return witnesses.some((witness) => numberIn(witness) === numberIn(head));
      });
    },
    /** Stops the registry, changes the lines, and starts it again. */
    async rewrite(change: (lines: string[]) => readonly string[] | Promise<readonly string[]>, epoch?: string) {
      await scope.mesh.stopRegistry();
      await log.rewrite(stream, await change(await log.lines(stream)), epoch);
      const from = events.seen.length;
      await scope.startRegistry();
      return from;
    },
    alarm: (from: number): Promise<DeviceEvent & { type: "audit" }> => events.first("audit", undefined, from),
    [Symbol.asyncDispose]: () => scope[Symbol.asyncDispose](),
  };
}

export type AuditScene = Awaited<ReturnType<typeof auditScene>>;

/** A further operator on a device that has seen nothing yet. */
export async function secondOperator({ scope }: AuditScene, name = "op2") {
  const { device, joined, journal } = await scope.join(name, { kind: "person", links: false });
  await scope.mesh.acts().operators.add(`@${name}`, false);
  await until(() => joined.trust.operators.keys.has(device.member));
  // Its next start knows what it is now.
  await device.stop();
  return scope.restart(joined, { journal, links: false, auditMemory: openAuditMemory() });
}

export function entryIn(line: string): AuditEntry {
  const entry = decodeAuditEntry(line);
  if (!entry.ok) throw new Error(entry.message);
  return entry.value;
}

/** The same log with one entry other than it was, and every hash made anew, as only the node itself could. */
export async function rechained(
  lines: readonly string[],
  change: (entry: AuditEntry) => AuditEntry,
): Promise<readonly string[]> {
  const made: string[] = [];
  for (const line of lines) {
    const previous = made.at(-1);
    const entry = change(entryIn(line));
    made.push(encodeAuditEntry(previous === undefined ? entry : { ...entry, before: await sha256(previous) }));
  }
  return made;
}

const numberIn = (compact: string): number =>
  (JSON.parse(Buffer.from(compact.split(".")[1] ?? "", "base64url").toString()) as { number: number }).number;
