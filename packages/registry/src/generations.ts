import type { Records } from "@parley/core";
import { id16Schema } from "@parley/protocol";
import { z } from "zod";

import { JsonRecords } from "./json-records.ts";
import { keys } from "./keys.ts";

const generationSchema = z.object({ generation: z.int().min(1), session: id16Schema });

/** Numbers the sessions of each device, over all nodes and restarts: the highest is the one that counts. */
export class Generations {
  readonly #records: JsonRecords<z.infer<typeof generationSchema>>;

  constructor(records: Records) {
    this.#records = new JsonRecords(records, generationSchema);
  }

  async next(device: string, session: string): Promise<number> {
    const kept = await this.#records.change(keys.generation(device), (current) => ({
      generation: (current?.generation ?? 0) + 1,
      session,
    }));
    return kept?.value.generation ?? 1;
  }
}
