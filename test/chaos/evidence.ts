import { closeSync, constants, existsSync, openSync, readSync, writeSync } from "node:fs";

import type { DeliveryClass, Path } from "@parley/protocol";

/** Which life of a process an entry is about, and when it was written: milliseconds since 1970 by the machine's one clock. */
interface Timed {
  readonly at: number;
}

/**
 * What a device's process was told, and what it did; each line is written at once and survives the process. `to` is a
 * member's name: an id tells apart what one device sends to one member.
 */
export type DeviceLine =
  /** A life begins: its lines follow until the next of these. */
  | (Timed & { readonly t: "life"; readonly life: number })
  /** `send` resolved. */
  | (Timed & { readonly t: "accepted"; readonly id: string; readonly to: string; readonly class: DeliveryClass })
  /** A fact about an envelope that this device sent. */
  | (Timed & {
      readonly t: "state";
      readonly id: string;
      readonly to: string;
      readonly state: string;
      readonly device?: string;
      readonly path?: Path;
      readonly code?: string;
    })
  /** Written inside the handler as its effect. `from` is the sending device, `created` its time of sending. */
  | (Timed & {
      readonly t: "handled";
      readonly id: string;
      readonly from: string;
      readonly created: number;
      readonly class: DeliveryClass;
      readonly redelivered: boolean;
      readonly path: Path;
    })
  /** A task: asked for, worked on, answered. `key` is the caller's own number for it. */
  | (Timed & { readonly t: "asked"; readonly key: string; readonly to: string })
  | (Timed & { readonly t: "worked"; readonly key: string })
  | (Timed & { readonly t: "answered"; readonly key: string; readonly code?: string })
  /** Something the process was told that is no fact about a message: refused frames, calls that failed. */
  | (Timed & { readonly t: "trouble"; readonly what: string; readonly code: string })
  /** At the end, from the journal: what the outbox still holds. */
  | (Timed & { readonly t: "left"; readonly id: string; readonly to: string });

/** What the run did to its processes and networks. */
export type ScheduleLine =
  | (Timed & { readonly t: "started"; readonly process: string; readonly life: number })
  | (Timed & {
      readonly t: "ended";
      readonly process: string;
      readonly life: number;
      /** `end` is the orderly end of the run. */
      readonly by: "kill" | "stop" | "itself" | "end";
    })
  /** A fault begins; it ends at `until`. */
  | (Timed & { readonly t: "fault"; readonly kind: string; readonly target: string; readonly until: number });

/** A member of the run: an agent with one or more instances, or a person with one or more devices. */
export interface Party {
  readonly name: string;
  readonly kind: "agent" | "person";
  readonly devices: readonly PartyDevice[];
}

interface PartyDevice {
  /** Name of its process in the schedule. */
  readonly process: string;
  readonly device: string;
}

/** All that a run left; lines may be read more than once. */
export interface Evidence {
  readonly parties: readonly Party[];
  /** Lines by device id. */
  readonly devices: ReadonlyMap<string, Iterable<DeviceLine>>;
  readonly schedule: Iterable<ScheduleLine>;
}

/** A file of lines to which each is appended by one write, so that none is torn or lost when its process is killed. */
export class EvidenceFile<Line> {
  readonly #file: number;

  constructor(path: string) {
    this.#file = openSync(path, constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY, 0o600);
  }

  write(line: Line): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}

const partBytes = 1_048_576;

/** Reads a file that grows: what was appended since the last reading. */
class EvidenceTail<Line> {
  readonly #path: string;
  readonly #part = Buffer.alloc(partBytes);
  #at = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** The next whole lines, a bounded number of them; none at the end of the file as it is now. */
  read(): readonly Line[] {
    if (!existsSync(this.#path)) return [];
    const file = openSync(this.#path, "r");
    try {
      const count = readSync(file, this.#part, 0, partBytes, this.#at);
      const end = this.#part.subarray(0, count).lastIndexOf(10) + 1;
      this.#at += end;
      const text = this.#part.toString("utf8", 0, end);
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Line);
    } finally {
      closeSync(file);
    }
  }
}

/** The lines of a file, read as they are asked for. */
export function linesOf<Line>(path: string): Iterable<Line> {
  return {
    *[Symbol.iterator](): Iterator<Line> {
      const tail = new EvidenceTail<Line>(path);
      for (let lines = tail.read(); lines.length > 0; lines = tail.read()) yield* lines;
    },
  };
}
