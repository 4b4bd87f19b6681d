/** What the process that trims its history and the test that kills it agree on. */
export const keptEntries = 400;
export const history = { maxEntries: keptEntries, maxBytes: 10_000_000 };
export const inFlight = 16;
/** When another device received and handled what it told of; what was received here bears its number. */
export const toldAt = 1_000_000_000;
