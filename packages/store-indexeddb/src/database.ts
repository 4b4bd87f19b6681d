import { ParleyError } from "@parley/protocol";

import type { EntryFactRow, EntryRow } from "./rows.ts";
import { toStorageError } from "./storage-error.ts";

/** Of a journal. */
type JournalStoreName =
  | "settings"
  | "state"
  | "outbound"
  | "inbound"
  | "entries"
  | "bodies"
  | "rangeFacts"
  | "entryFacts";
/** Of an archive. */
type ArchiveStoreName = "settings" | "conversations" | "gone" | "messages" | "waiting";
export type StoreName = JournalStoreName | ArchiveStoreName;

/** What a database is for, and how it came to its present shape. */
export interface DatabaseShape {
  /** Of the stores and of what is in them. */
  readonly version: number;
  /** `from` is 0 for a new database. */
  readonly upgrade: (database: IDBDatabase, transaction: IDBTransaction, from: number) => void;
}

function makeStores(database: IDBDatabase): void {
  database.createObjectStore("settings");
  database.createObjectStore("state");
  const outbound = database.createObjectStore("outbound", { keyPath: "id" });
  outbound.createIndex("recipient", ["recipient", "epoch"]);
  outbound.createIndex("epoch", "epoch");
  const inbound = database.createObjectStore("inbound", { keyPath: "id" });
  inbound.createIndex("stream", ["sender", "device", "epoch"], { unique: true });
  inbound.createIndex("epoch", "epoch");
  const entries = database.createObjectStore("entries", { keyPath: "place" });
  entries.createIndex("stream", ["outgoing", "stream", "seq"], { unique: true });
  entries.createIndex("origin", "origin");
  entries.createIndex("open", "open");
  database.createObjectStore("bodies");
  database.createObjectStore("rangeFacts", { keyPath: ["stream", "to", "state"] });
  database.createObjectStore("entryFacts", { keyPath: ["place", "state"] });
}

/** The first version did not tell what was imported from what ended here. Only the former has its first fact among those of entries. */
function markImported(transaction: IDBTransaction): void {
  const entries = transaction.objectStore("entries");
  const request = transaction.objectStore("entryFacts").openCursor();
  request.addEventListener("success", () => {
    const cursor = request.result;
    if (cursor === null) return;
    const { place, state } = cursor.value as EntryFactRow;
    const found: IDBRequest<EntryRow | undefined> = entries.get(place);
    found.addEventListener("success", () => {
      const entry = found.result;
      if (entry?.outcome === "noted" && state === (entry.outgoing === 1 ? "accepted" : "delivered"))
        entries.put({ ...entry, outcome: "imported" });
    });
    cursor.continue();
  });
}

export const journalShape: DatabaseShape = {
  version: 2,
  upgrade(database, transaction, from) {
    if (from === 0) makeStores(database);
    else markImported(transaction);
  },
};

/** Waits for a request. */
export function done<Value>(request: IDBRequest<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("request failed")));
  });
}

/** Opens the database; rejects with a code when a page of an older version has it open, or the browser has no storage. */
export async function openDatabase(factory: IDBFactory, name: string, shape: DatabaseShape): Promise<IDBDatabase> {
  const { promise, resolve, reject } = Promise.withResolvers<IDBDatabase>();
  try {
    const request = factory.open(name, shape.version);
    request.addEventListener("upgradeneeded", ({ oldVersion }) => {
      if (request.transaction !== null) shape.upgrade(request.result, request.transaction, oldVersion);
    });
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error ?? new Error("open failed")));
    request.addEventListener("blocked", () =>
      reject(
        new ParleyError("storage_unavailable", {
          message: `${name}: another page has it open.`,
          data: { reason: "held" },
        }),
      ),
    );
    return await promise;
  } catch (error) {
    throw toStorageError(name, error);
  }
}

/** One transaction over everything. */
export class Transaction {
  readonly ended: Promise<void>;
  readonly #transaction: IDBTransaction;

  constructor(database: IDBDatabase, mode: "readonly" | "readwrite") {
    // What is accepted must outlive a loss of power (Indexed Database API 3.0, section 2.7.1).
    this.#transaction = database.transaction(Array.from(database.objectStoreNames), mode, { durability: "strict" });
    this.ended = new Promise((resolve, reject) => {
      const fail = (): void => reject(this.#transaction.error ?? new Error("aborted"));
      this.#transaction.addEventListener("complete", () => resolve());
      this.#transaction.addEventListener("abort", fail);
    });
    // Whoever waits for it hears of it.
    this.ended.catch(() => undefined);
  }

  store(name: StoreName): IDBObjectStore {
    return this.#transaction.objectStore(name);
  }

  get<Row>(name: StoreName, key: IDBValidKey): Promise<Row | undefined> {
    return done<Row | undefined>(this.store(name).get(key));
  }

  /** Rows in the order of their keys. */
  all<Row>(name: StoreName, range?: IDBKeyRange, count?: number): Promise<readonly Row[]> {
    return done<Row[]>(this.store(name).getAll(range, count));
  }

  /** Rows in the order of an index. */
  by<Row>(name: StoreName, index: string, range: IDBKeyRange, count?: number): Promise<readonly Row[]> {
    return done<Row[]>(this.store(name).index(index).getAll(range, count));
  }

  /** Not awaited: a write that fails ends the transaction. */
  put(name: StoreName, row: unknown, key?: IDBValidKey): void {
    this.store(name).put(row, key);
  }

  delete(name: StoreName, key: IDBValidKey | IDBKeyRange): void {
    this.store(name).delete(key);
  }

  abort(): void {
    try {
      this.#transaction.abort();
    } catch {}
  }
}
