import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { SecretMarker } from "./marker.ts";

/** Where bytes were seen: on their way to the registry or from it, as HTTP or on a WebSocket, or in what it keeps. */
export type Place = "http-in" | "http-out" | "socket-in" | "socket-out" | `kept ${string}`;

export interface Piece {
  readonly place: Place;
  readonly bytes: Buffer;
}

/** Bytes that were seen, in the order in which they were. */
export class Capture {
  readonly #pieces: Piece[];

  constructor(pieces: readonly Piece[] = []) {
    this.#pieces = pieces.slice();
  }

  add(place: Place, bytes: Buffer | string): void {
    this.#pieces.push({ place, bytes: Buffer.from(bytes) });
  }

  /** Every file of a folder, as it is now. */
  addFolder(folder: string): void {
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      this.add(`kept ${path.slice(folder.length + 1)}`, readFileSync(path));
    }
  }

  get length(): number {
    return this.#pieces.length;
  }

  get bytes(): number {
    return this.#pieces.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** What came after so many pieces. */
  from(length: number): Capture {
    return new Capture(this.#pieces.slice(length));
  }

  at(...places: readonly Place[]): readonly Buffer[] {
    return this.#pieces.filter(({ place }) => places.includes(place)).map(({ bytes }) => bytes);
  }

  /** Texts of the sockets, and of HTTP, that are JSON. */
  messages(...places: readonly Place[]): readonly Readonly<Record<string, unknown>>[] {
    return this.at(...places).flatMap((bytes) => {
      try {
        const value: unknown = JSON.parse(bytes.toString());
        return isRecord(value) ? [value] : [];
      } catch {
        return [];
      }
    });
  }

  /** Where a marker is, and how it is written there; each once. */
  find(marker: SecretMarker): readonly string[] {
    const found = this.#pieces.flatMap(({ place, bytes }) => marker.in(bytes).map((writing) => `${place}: ${writing}`));
    return [...new Set(found)].toSorted();
  }

  /** Where a text is as it is. */
  placesOf(text: string): readonly Place[] {
    return [...new Set(this.#pieces.filter(({ bytes }) => bytes.includes(text)).map(({ place }) => place))];
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
