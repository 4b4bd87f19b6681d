import type { Schema } from "./database.ts";

/** The registry's file. Offsets and revisions are given over all streams and keys by the counters. */
export const registrySchema: Schema = {
  applicationId: 0x50_61_72_6c, // "Parl"
  migrations: [
    `
    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO counter VALUES ('offset', 0), ('revision', 0), ('blob-bytes', 0);

    CREATE TABLE log_stream (
      id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first INTEGER NOT NULL, last INTEGER NOT NULL
    );
    CREATE TABLE log_entry (offset INTEGER PRIMARY KEY, stream INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL);
    CREATE INDEX log_entry_by_stream ON log_entry (stream);
    CREATE TABLE log_key (offset INTEGER PRIMARY KEY, stream INTEGER NOT NULL, at INTEGER NOT NULL, key TEXT NOT NULL);
    CREATE UNIQUE INDEX log_key_by_stream ON log_key (stream, key);

    CREATE TABLE record (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL, value BLOB NOT NULL);

    CREATE TABLE blob (hash TEXT PRIMARY KEY, size INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE blob_hold (
      owner TEXT NOT NULL, hash TEXT NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (owner, hash)
    ) WITHOUT ROWID;
    CREATE INDEX blob_hold_by_hash ON blob_hold (hash, expires_at);
    CREATE INDEX blob_hold_by_expiry ON blob_hold (expires_at);
    CREATE TABLE blob_usage (owner TEXT PRIMARY KEY, bytes INTEGER NOT NULL, count INTEGER NOT NULL) WITHOUT ROWID;
    `,
  ],
};
