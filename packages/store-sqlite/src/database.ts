import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import path from "node:path";
import type { StatementSync } from "node:sqlite";
import { DatabaseSync } from "node:sqlite";

import { ParleyError } from "@parley/protocol";

import { numberIn } from "./column.ts";
import { storageError, toStorageError } from "./storage-error.ts";

/** What a database file is for, and how it came to its present shape. */
export interface Schema {
  /** In the file's header, so that one kind of file is never taken for another (sqlite.org/fileformat2.html, section 1.3.17). */
  readonly applicationId: number;
  /** Statements that lead from each version to the next. Only ever appended to: `user_version` counts those that ran. */
  readonly migrations: readonly string[];
}

export interface DatabaseOptions {
  readonly file: string;
  readonly schema: Schema;
  /** Size at which writes fail with `storage_full`. Default: the disk's. */
  readonly maxBytes?: number;
}

const pageBytes = 4096;
const cacheKib = 16_384;
const walLimitBytes = 67_108_864;

/**
 * One SQLite file, open for this process alone (exclusive locking, which also spares the shared-memory file), in WAL mode with a full
 * sync per commit. Opening reads no table, so it costs the same for any number of rows.
 */
export class Database {
  readonly name: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor({ file, schema, maxBytes }: DatabaseOptions) {
    this.name = file;
    try {
      mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
      // Made here because SQLite gives the group and others what the umask leaves; its side files copy these rights.
      closeSync(openSync(file, "a", 0o600));
      chmodSync(file, 0o600);
      this.#database = new DatabaseSync(file);
    } catch (error) {
      throw toStorageError(file, error);
    }
    try {
      this.#prepareFile(schema, maxBytes);
    } catch (error) {
      this.#database.close();
      throw toStorageError(file, error);
    }
  }

  /** The statement, compiled once. Every text is a constant of this package, so the number of statements is bounded. */
  statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const made = this.#database.prepare(sql);
    this.#statements.set(sql, made);
    return made;
  }

  /** Reads outside a transaction; trouble becomes a coded error. */
  read<Value>(work: () => Value): Value {
    try {
      return work();
    } catch (error) {
      throw toStorageError(this.name, error);
    }
  }

  begin(): void {
    this.statement("BEGIN IMMEDIATE").run();
  }

  commit(): void {
    this.statement("COMMIT").run();
  }

  /** Ends a transaction that SQLite may have ended itself, as it does when the disk is full. */
  rollback(): void {
    if (this.#database.isTransaction) this.statement("ROLLBACK").run();
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #prepareFile(schema: Schema, maxBytes: number | undefined): void {
    this.#database.exec(`
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA page_size = ${pageBytes};
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA cache_size = -${cacheKib};
      PRAGMA journal_size_limit = ${walLimitBytes};
    `);
    if (maxBytes !== undefined) this.#database.exec(`PRAGMA max_page_count = ${Math.floor(maxBytes / pageBytes)}`);
    // Takes the exclusive lock now, so that a second holder is refused at the start and not at its first write.
    this.begin();
    try {
      this.#migrate(schema);
      this.commit();
    } catch (error) {
      this.rollback();
      throw error;
    }
  }

  #migrate({ applicationId, migrations }: Schema): void {
    const version = this.#pragma("user_version");
    const owner = this.#pragma("application_id");
    if (owner !== applicationId && (owner !== 0 || version !== 0)) throw storageError(this.name, "foreign");
    if (version > migrations.length) {
      throw new ParleyError("data_too_new", {
        message: `${this.name} has version ${version}; this Parley knows versions up to ${migrations.length}.`,
        data: { version, known: migrations.length },
      });
    }
    for (const statements of migrations.slice(version)) this.#database.exec(statements);
    if (version < migrations.length) {
      this.#database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${migrations.length}`);
    }
  }

  #pragma(name: "user_version" | "application_id"): number {
    return numberIn(this.#database.prepare(`PRAGMA ${name}`).get() ?? {}, name);
  }
}
