/** A small, bounded table of JSON in the device's journal: what has to be known again after a restart. */
import { type Journal, maxJournalStateBytes } from "@parley/core";
import { ParleyError, parseJson } from "@parley/protocol";
import { z } from "zod";

export interface KeptTableOptions<Row> {
  readonly journal: Pick<Journal, "getState" | "putState">;
  /** Begins the keys of its rows. */
  readonly name: string;
  readonly schema: z.ZodType<Row>;
  /** Rows at most; one more throws `limit_reached`. */
  readonly most: number;
  /** Bytes of one row as JSON. Default `maxJournalStateBytes`; a longer one takes several keys of the journal. */
  readonly mostBytes?: number;
}

const keysSchema = z.array(z.string().max(128)).max(10_000);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export class KeptTable<Row> {
  readonly #options: KeptTableOptions<Row>;
  readonly #rows: Map<string, Row>;
  /** Rows as they are on disk: what a write that fails leaves. */
  readonly #durable: Map<string, Row>;
  /** Keys that the list on disk has, or has once what was written is there. */
  readonly #listed: Set<string>;

  private constructor(options: KeptTableOptions<Row>, rows: Map<string, Row>) {
    this.#options = options;
    this.#rows = rows;
    this.#durable = new Map(rows);
    this.#listed = new Set(rows.keys());
  }

  /** Reads what an earlier start left. A row that cannot be read is left out. */
  static async open<Row>(options: KeptTableOptions<Row>): Promise<KeptTable<Row>> {
    const { journal, name, schema } = options;
    const rows = new Map<string, Row>();
    for (const key of read(keysSchema, await journal.getState(`${name}/keys`), maxJournalStateBytes) ?? []) {
      const row = read(schema, await joined(options, key), options.mostBytes ?? maxJournalStateBytes);
      if (row !== undefined) rows.set(key, row);
    }
    return new KeptTable(options, rows);
  }

  get size(): number {
    return this.#rows.size;
  }

  get(key: string): Row | undefined {
    return this.#rows.get(key);
  }

  /** In the order in which they came. */
  all(): readonly (readonly [string, Row])[] {
    return [...this.#rows];
  }

  /** Durable when resolved. Throws `limit_reached` for one row too many and `too_large` for one that is too long. */
  async put(key: string, row: Row): Promise<void> {
    const { most, name, mostBytes = maxJournalStateBytes } = this.#options;
    if (!this.#rows.has(key) && this.#rows.size >= most)
      throw new ParleyError("limit_reached", { message: `This device keeps ${most} ${name} already.` });
    const bytes = encoder.encode(JSON.stringify(row));
    if (bytes.length > mostBytes) throw new ParleyError("too_large");
    this.#rows.set(key, row);
    try {
      // One turn is one commit.
      await Promise.all([...this.#putRow(key, bytes), ...(this.#listed.has(key) ? [] : [this.#putKeys()])]);
      this.#durable.set(key, row);
      this.#listed.add(key);
    } catch (error) {
      // What was written after this one decides for itself.
      if (this.#rows.get(key) === row) this.#restore(key);
      throw error;
    }
  }

  /** Durable when resolved. What is not there is no matter. */
  async delete(key: string): Promise<void> {
    if (!this.#rows.delete(key)) return;
    this.#listed.delete(key);
    try {
      await Promise.all([this.#putKeys(), ...this.#putRow(key, undefined)]);
      if (!this.#rows.has(key)) this.#durable.delete(key);
    } catch (error) {
      if (!this.#rows.has(key)) this.#restore(key);
      throw error;
    }
  }

  /** As it is on disk. */
  #restore(key: string): void {
    const row = this.#durable.get(key);
    if (row === undefined) this.#rows.delete(key);
    else this.#rows.set(key, row);
  }

  /** Pieces that a shorter row does not need any more are removed; one that may hold several always ends with a shorter piece. */
  #putRow(key: string, bytes: Uint8Array | undefined): Promise<void>[] {
    const { journal, name, mostBytes = maxJournalStateBytes } = this.#options;
    const puts: Promise<void>[] = [];
    for (let from = 0, piece = 0; from <= mostBytes; from += maxJournalStateBytes, piece++) {
      const part = bytes?.subarray(from, from + maxJournalStateBytes);
      if (from > 0 && from === mostBytes) break;
      puts.push(journal.putState(pieceKey(name, key, piece), part?.length === 0 ? undefined : part));
    }
    return puts;
  }

  #putKeys(): Promise<void> {
    const { journal, name } = this.#options;
    return journal.putState(`${name}/keys`, encoder.encode(JSON.stringify([...this.#rows.keys()])));
  }
}

const pieceKey = (name: string, key: string, piece: number): string =>
  piece === 0 ? `${name}/row/${key}` : `${name}/row/${key}/${piece}`;

async function joined<Row>({ journal, name }: KeptTableOptions<Row>, key: string): Promise<Uint8Array | undefined> {
  const pieces: Uint8Array[] = [];
  for (;;) {
    const piece = await journal.getState(pieceKey(name, key, pieces.length));
    if (piece === undefined) break;
    pieces.push(piece);
    if (piece.length < maxJournalStateBytes) break;
  }
  const [first] = pieces;
  if (pieces.length < 2) return first;
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function read<Value>(schema: z.ZodType<Value>, bytes: Uint8Array | undefined, mostBytes: number): Value | undefined {
  if (bytes === undefined) return undefined;
  const json = parseJson(decoder.decode(bytes), mostBytes);
  return json.ok ? schema.safeParse(json.value).data : undefined;
}
