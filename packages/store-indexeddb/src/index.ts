/**
 * A device's journal and archive on IndexedDB, for one page at a time. Not here: the contract (core) and the choice of adapter (the application).
 */
export { type IndexedDbArchiveOptions, openIndexedDbArchive } from "./archive.ts";
export { type IndexedDbJournalOptions, openIndexedDbJournal } from "./journal.ts";
