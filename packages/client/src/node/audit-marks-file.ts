/** `audit.json` of a home: what its device remembers of audit logs. Read each time, since several processes may look. */
import { join } from "node:path";

import { ParleyError, parseJson } from "@parley/protocol";
import { z } from "zod";

import { type AuditMemory, auditStandingSchema } from "../audit/audit-memory.ts";
import { readPrivateFile, writePrivateFile } from "./private-file.ts";

const fileSchema = z.strictObject({ version: z.literal(1), nodes: z.record(z.string(), auditStandingSchema) });
/** Nodes remembered, the longest unchanged dropped first. */
const mostNodes = 64;
const mostCharacters = 262_144;

/** Throws `invalid_config` when the file is damaged, `storage_unavailable` when it cannot be used. */
export function openAuditMarks(home: string): AuditMemory {
  const path = join(home, "audit.json");
  let writing: Promise<void> = Promise.resolve();
  const read = async (): Promise<z.infer<typeof fileSchema>["nodes"]> => {
    const text = await readPrivateFile(path);
    if (text === undefined) return {};
    const json = parseJson(text, mostCharacters);
    const parsed = json.ok ? fileSchema.safeParse(json.value) : undefined;
    if (parsed?.success === true) return parsed.data.nodes;
    throw new ParleyError("invalid_config", {
      message: `${path} is damaged; move it away, and this device begins to verify the audit log anew.`,
    });
  };
  return {
    get: async (node) => {
      await writing.catch(() => undefined);
      return (await read())[node] ?? {};
    },
    put: (node, { mark, alert, accepted }) => {
      const written = writing
        .catch(() => undefined)
        .then(async () => {
          const { [node]: _before, ...others } = await read();
          const kept = Object.entries(others).slice(-(mostNodes - 1));
          const standing = {
            ...(mark === undefined ? {} : { mark }),
            ...(alert === undefined ? {} : { alert }),
            ...(accepted === undefined ? {} : { accepted }),
          };
          const file = { version: 1, nodes: { ...Object.fromEntries(kept), [node]: standing } };
          await writePrivateFile(path, `${JSON.stringify(file)}\n`);
        });
      writing = written;
      return written;
    },
  };
}
