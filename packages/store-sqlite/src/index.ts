/**
 * The registry's ports and a device's journal and archive on SQLite (`node:sqlite`), each for one process. Not here: the contracts (core) and the
 * choice of adapter (cli).
 */
export { openSqliteArchive, type SqliteArchiveOptions } from "./archive.ts";
export { openSqliteJournal, type SqliteJournalOptions } from "./journal.ts";
export { openSqliteStores, type SqliteStoresOptions } from "./stores.ts";
