/** What a page keeps of its device beside the journal: keys as the browser's own objects, which never become bytes, and pins. */
import type { Identity, JoinedMesh } from "@parley/client";
import { MeshTrust } from "@parley/core";

export type Kept = Pick<JoinedMesh, "identity" | "registry" | "trust">;

const database = "home";
const store = "home";
const key = "device";

function done<Value>(request: IDBRequest<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("request failed")));
  });
}

async function inStore<Value>(
  mode: IDBTransactionMode,
  work: (home: IDBObjectStore) => IDBRequest<Value>,
): Promise<Value> {
  const opening = indexedDB.open(database);
  opening.addEventListener("upgradeneeded", () => opening.result.createObjectStore(store));
  const opened = await done(opening);
  try {
    return await done(work(opened.transaction(store, mode).objectStore(store)));
  } finally {
    opened.close();
  }
}

export async function keep({ identity, registry, trust }: Kept): Promise<void> {
  await inStore("readwrite", (home) => home.put({ identity, registry, pins: trust.pins }, key));
}

/** What an earlier page of this origin kept. */
export async function kept(): Promise<Kept | undefined> {
  const found: unknown = await inStore("readonly", (home) => home.get(key));
  if (found === undefined) return undefined;
  const { identity, registry, pins } = found as { identity: Identity; registry: string; pins: unknown };
  return { identity, registry, trust: await MeshTrust.restore(pins, { now: () => Date.now() }) };
}
