/** An agent that writes down what it handles; several instances of it run at once. HIVE_LINES names its file. */
import { createAgent } from "@parley/agent";

import { type DeviceLine, EvidenceFile } from "../chaos/evidence.ts";

const lines = new EvidenceFile<DeviceLine>(process.env["HIVE_LINES"] ?? "");
lines.write({ t: "life", at: Date.now(), life: Number(process.env["HIVE_LIFE"]) });

export const hive = createAgent({
  name: "hive",
  version: "1.0.0",
  description: "Writes down what it hears",
  skills: [],
  onMessage: ({ id, from, created, class: deliveryClass, redelivered, path }) => {
    lines.write({
      t: "handled",
      at: Date.now(),
      id,
      from: from.device,
      created,
      class: deliveryClass,
      redelivered,
      path,
    });
  },
});
