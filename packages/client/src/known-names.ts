/** The names of those whom this device wrote to or heard from, so that they can be shown while the registry is away. */
import type { Journal } from "@parley/core";
import { parseJson } from "@parley/protocol";
import { z } from "zod";

import type { WriteAgain } from "./write-again.ts";

/** Names kept, so that they fit into one value of the journal. Who was met longest ago gives way. */
const mostNames = 512;
const stateKey = "names";
const mostCharacters = 65_536;
const namesSchema = z.record(z.string(), z.string().max(64));

export class KnownNames {
  readonly #journal: Journal;
  readonly #writes: WriteAgain;
  #names: Promise<Map<string, string>> | undefined;

  constructor(journal: Journal, writes: WriteAgain) {
    this.#journal = journal;
    this.#writes = writes;
  }

  /** A member was met under a verified name. */
  async note(member: string, name: string): Promise<void> {
    const names = await this.#load();
    if (names.get(member) === name) return;
    names.delete(member);
    names.set(member, name);
    for (const oldest of names.keys()) {
      if (names.size <= mostNames) break;
      names.delete(oldest);
    }
    const value = new TextEncoder().encode(JSON.stringify(Object.fromEntries(names)));
    this.#writes.run(() => this.#journal.putState(stateKey, value));
  }

  async of(member: string): Promise<string | undefined> {
    return (await this.#load()).get(member);
  }

  #load(): Promise<Map<string, string>> {
    this.#names ??= this.#journal.getState(stateKey).then(
      (value) => new Map(Object.entries(namesIn(value))),
      (error: unknown) => {
        this.#names = undefined;
        throw error;
      },
    );
    return this.#names;
  }
}

function namesIn(value: Uint8Array | undefined): Readonly<Record<string, string>> {
  if (value === undefined) return {};
  const json = parseJson(new TextDecoder().decode(value), mostCharacters);
  const names = json.ok ? namesSchema.safeParse(json.value) : undefined;
  return names?.success === true ? names.data : {};
}
