import type { Schema } from "./database.ts";

/** Columns of an envelope, the same in both directions. */
const envelopeColumns = `
  kind INTEGER NOT NULL, flags INTEGER NOT NULL, created INTEGER NOT NULL, ttl INTEGER NOT NULL, hops INTEGER NOT NULL,
  trace BLOB, origin_epoch TEXT, origin_seq INTEGER, body BLOB NOT NULL`;

/** What is known of a fact beside its state. */
const factColumns =
  "at INTEGER NOT NULL, path INTEGER NOT NULL, device TEXT, code TEXT, reason TEXT, via TEXT, receipt BLOB";

/**
 * Values of `entry.outcome`. `noted`: it ended in another way than by being handled. `imported`: another device told of it, so this one
 * may still receive it. What was sent is history also when its stream is settled beyond it.
 */
export const outcomes = { pending: 0, handled: 1, noted: 2, dropped: 3, imported: 4 } as const;

/**
 * A device's file. An inbound stream without a cursor (`seq` 0), and an outbound one that is not current any more, is kept while an entry
 * refers to it. An entry's row keeps its size while its state changes in the usual way, so that a body is not written twice.
 */
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
    `
    CREATE TABLE outbound (
      id INTEGER PRIMARY KEY, recipient TEXT NOT NULL, epoch TEXT NOT NULL,
      last_seq INTEGER NOT NULL, settled INTEGER NOT NULL, current INTEGER NOT NULL
    );
    CREATE INDEX outbound_by_recipient ON outbound (recipient, epoch);
    CREATE INDEX outbound_by_epoch ON outbound (epoch);
    CREATE INDEX inbound_by_epoch ON inbound (epoch);

    CREATE TABLE entry (
      place INTEGER PRIMARY KEY, outgoing INTEGER NOT NULL, stream INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,
      outcome INTEGER NOT NULL, settled_at INTEGER NOT NULL, path INTEGER NOT NULL, attempts INTEGER NOT NULL, ${envelopeColumns}
    );
    CREATE UNIQUE INDEX entry_by_stream ON entry (outgoing, stream, seq);
    CREATE INDEX entry_by_origin ON entry (origin_epoch, origin_seq) WHERE origin_seq IS NOT NULL;

    CREATE TABLE range_fact (
      stream INTEGER NOT NULL, to_seq INTEGER NOT NULL, state INTEGER NOT NULL, from_seq INTEGER NOT NULL, noted INTEGER NOT NULL,
      ${factColumns}, PRIMARY KEY (stream, to_seq, state)
    ) WITHOUT ROWID;
    CREATE TABLE entry_fact (
      place INTEGER NOT NULL, state INTEGER NOT NULL, ${factColumns}, PRIMARY KEY (place, state)
    ) WITHOUT ROWID;
    CREATE TABLE tally (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;

    INSERT INTO outbound (recipient, epoch, last_seq, settled, current)
      SELECT id, (SELECT value FROM setting WHERE name = 'epoch'), last_seq,
        coalesce((SELECT min(seq) - 1 FROM outbox WHERE outbox.recipient = recipient.id), last_seq), 1
      FROM recipient;
    INSERT INTO entry
      SELECT 2 * place, 1, (SELECT id FROM outbound WHERE outbound.recipient = outbox.recipient), seq, created, 0, created, 0, 0,
        kind, flags, created, ttl, hops, trace, origin_epoch, origin_seq, body
      FROM outbox;
    INSERT INTO entry
      SELECT 2 * place + 1, 0, stream, seq, received_at, 0, received_at, 0, 0,
        kind, flags, created, ttl, hops, trace, origin_epoch, origin_seq, body
      FROM inbox;
    UPDATE entry SET flags = flags | 4
      WHERE outgoing = 1 AND flags & 2 = 0 AND EXISTS (
        SELECT 1 FROM entry AS part WHERE part.outgoing = 1 AND part.stream = entry.stream AND part.seq = entry.seq - 1
          AND part.flags & 2 <> 0
      );
    INSERT INTO tally (name, value) SELECT 'place', coalesce(max(place), 0) FROM entry;
    DROP TABLE outbox;
    DROP TABLE inbox;
    DROP TABLE recipient;
    `,
    // Only what was imported has its first fact, `accepted` or `delivered`, among those of entries.
    `
    UPDATE entry SET outcome = 4
      WHERE outcome = 2 AND EXISTS (
        SELECT 1 FROM entry_fact WHERE entry_fact.place = entry.place AND state = CASE outgoing WHEN 1 THEN 0 ELSE 2 END
      );
    `,
  ],
};
