/**
 * The registry's ports and a device's journal on SQLite (`node:sqlite`), each for one process. Not here: the contracts (core) and the
 * choice of adapter (cli).
 */
export { openSqliteJournal, type SqliteJournalOptions } from "./journal.ts";
export { openSqliteStores, type SqliteStoresOptions } from "./stores.ts";
