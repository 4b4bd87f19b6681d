import type { Schema } from "./database.ts";

/** Columns of an envelope, the same in both directions. */
const envelopeColumns = `
  kind INTEGER NOT NULL, flags INTEGER NOT NULL, created INTEGER NOT NULL, ttl INTEGER NOT NULL, hops INTEGER NOT NULL,
  trace BLOB, origin_epoch TEXT, origin_seq INTEGER, body BLOB NOT NULL`;

/** A device's file. An inbound stream without a cursor (`seq` 0) is kept while the inbox refers to it. */
export const journalSchema: Schema = {
  applicationId: 0x50_61_72_6a, // "Parj"
  migrations: [
    `
    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE recipient (id TEXT PRIMARY KEY, last_seq INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE outbox (place INTEGER PRIMARY KEY, recipient TEXT NOT NULL, seq INTEGER NOT NULL, ${envelopeColumns});
    CREATE UNIQUE INDEX outbox_by_recipient ON outbox (recipient, seq);

    CREATE TABLE inbound (
      id INTEGER PRIMARY KEY, sender TEXT NOT NULL, device TEXT NOT NULL, epoch TEXT NOT NULL,
      seq INTEGER NOT NULL, touched INTEGER NOT NULL, UNIQUE (sender, device, epoch)
    );
    CREATE TABLE inbox (
      place INTEGER PRIMARY KEY, stream INTEGER NOT NULL, seq INTEGER NOT NULL, received_at INTEGER NOT NULL, ${envelopeColumns}
    );
    CREATE UNIQUE INDEX inbox_by_stream ON inbox (stream, seq);

    CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB NOT NULL);
    `,
  ],
};
