import type { DeliveryFact, DeliveryRow } from "@parley/core";
import type { Envelope, Path } from "@parley/protocol";
import { mayFollow } from "@parley/protocol";

import { numberIn } from "./column.ts";
import type { Database } from "./database.ts";
import type { DeliveryReader } from "./delivery-reader.ts";
import { envelopeColumns, envelopeOf, envelopeValues } from "./envelope-row.ts";
import { factColumns, factValues, pathCode, stateCode } from "./fact-row.ts";
import { outcomes } from "./journal-schema.ts";

/** What a new row says beside its envelope. */
export interface NewEntry {
  readonly place: number;
  readonly isSent: boolean;
  /** The row of its stream. */
  readonly stream: number;
  readonly seq: number;
  /** When it was accepted or received. */
  readonly at: number;
  /** Default `pending`. */
  readonly outcome?: number;
  readonly path?: Path | undefined;
  readonly attempts?: number;
  /** Bits of the flags that are not the envelope's own. */
  readonly mark: number;
}

const entryColumns = `place, outgoing, stream, seq, at, outcome, settled_at, path, attempts, ${envelopeColumns}`;
const entryMarks = "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?";

/** The entries of both directions, and the facts that are of one entry each. Writes only inside a transaction. */
export class EntryTable {
  readonly #database: Database;
  readonly #reader: DeliveryReader;

  constructor(database: Database, reader: DeliveryReader) {
    this.#database = database;
    this.#reader = reader;
  }

  /** False, and nothing changed, if the stream has this number already. */
  insert(entry: NewEntry, envelope: Envelope): boolean {
    const { place, isSent, stream, seq, at, outcome = outcomes.pending, path, attempts = 0, mark } = entry;
    const { changes } = this.#database
      .statement(`INSERT OR IGNORE INTO entry (${entryColumns}) VALUES (${entryMarks})`)
      .run(
        place,
        isSent ? 1 : 0,
        stream,
        seq,
        at,
        outcome,
        at,
        pathCode(path),
        attempts,
        ...envelopeValues(envelope, mark),
      );
    return changes !== 0;
  }

  rowAt(place: number): DeliveryRow | undefined {
    return this.#reader.rowsAt([place])[0];
  }

  envelopeAt(place: number): Envelope {
    return envelopeOf(
      this.#database.statement(`SELECT ${envelopeColumns} FROM entry WHERE place = ?`).get(place) ?? {},
    );
  }

  /** Place of what was received under a number, of any outcome or of one. */
  placeOf(stream: number, seq: number, outcome?: number): number | undefined {
    const row = this.#database
      .statement("SELECT place, outcome FROM entry WHERE outgoing = 0 AND stream = ? AND seq = ?")
      .get(stream, seq);
    if (row === undefined || (outcome !== undefined && numberIn(row, "outcome") !== outcome)) return undefined;
    return numberIn(row, "place");
  }

  setOutcome(place: number, outcome: number): void {
    this.#database.statement("UPDATE entry SET outcome = ? WHERE place = ?").run(outcome, place);
  }

  isNoted(place: number): boolean {
    return this.#database.statement("SELECT 1 FROM entry_fact WHERE place = ?").get(place) !== undefined;
  }

  /** Adds a fact to one entry, unless it may not follow those that are there. */
  note(place: number, fact: DeliveryFact): void {
    const row = this.rowAt(place);
    if (row === undefined) return;
    const { state } = this.#reader.factsOf([row]).of(row);
    if (mayFollow(state, fact.state)) this.putFact(place, fact);
  }

  putFact(place: number, fact: DeliveryFact, receipt?: Uint8Array): void {
    this.#database
      .statement(`INSERT OR IGNORE INTO entry_fact (place, state, ${factColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
      .run(place, stateCode(fact.state), ...factValues(fact, receipt));
  }
}
