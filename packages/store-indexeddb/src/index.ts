/**
 * A device's journal on IndexedDB, for one page at a time. Not here: the contract (core) and the choice of adapter (the application).
 */
export { type IndexedDbJournalOptions, openIndexedDbJournal } from "./journal.ts";
