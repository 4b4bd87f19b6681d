import type { JournalStates } from "@parley/core";
import { maxJournalStateKeys } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import type { Commits } from "./commits.ts";
import { done } from "./database.ts";
import { entryBytes } from "./entries.ts";

/** A device's small settings. */
export class States implements JournalStates {
  readonly #commits: Commits;

  constructor(commits: Commits) {
    this.#commits = commits;
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#commits.read((transaction) => transaction.get<Uint8Array>("state", key));
  }

  put(key: string, value: Uint8Array | undefined): Promise<void> {
    return this.#commits.run(
      async (transaction) => {
        if (value === undefined) return transaction.delete("state", key);
        const isKnown = (await done(transaction.store("state").getKey(key))) !== undefined;
        const count = isKnown ? 0 : await done(transaction.store("state").count());
        if (count >= maxJournalStateKeys) throw new ParleyError("limit_reached", { data: { maxJournalStateKeys } });
        transaction.put("state", value, key);
      },
      (value?.byteLength ?? 0) + entryBytes,
    );
  }
}
