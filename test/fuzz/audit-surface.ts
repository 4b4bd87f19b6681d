import { verifyAuditFile } from "@parley/core";
import { decodeAuditEntry, isErrorCode, isParleyError } from "@parley/protocol";
import type { SeededRandom } from "@parley/testkit";

import { exportedLog } from "../../packages/core/test/audit/exported-log.ts";
import { mutateBytes, mutateText } from "./mutate.ts";
import { BrokenInvariant, type Surface } from "./surface.ts";

const filesPerCase = 4;
const entriesPerCase = 100;

type Exported = Awaited<ReturnType<typeof exportedLog>>;

/** A file with some lines dropped, doubled, moved or mutated, or with bytes that are others. */
function mutateFile({ lines, text }: Exported, random: SeededRandom): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder();
  if (random.chance(0.5)) return mutateBytes(encoder.encode(text), random);
  const changed = [...lines];
  const at = random.below(changed.length);
  const line = changed[at] ?? "";
  switch (random.below(4)) {
    case 0:
      changed.splice(at, 1);
      break;
    case 1:
      changed.splice(random.below(changed.length), 0, line);
      break;
    case 2:
      changed[at] = changed[random.below(changed.length)] ?? "";
      break;
    default:
      changed[at] = mutateText(JSON.parse(line), random).replaceAll("\n", " ");
  }
  return encoder.encode(changed.map((each) => `${each}\n`).join(""));
}

/** Whatever verifies has the entries and the head that were signed, and no line that was not exported. */
async function feedFile(exported: Exported, random: SeededRandom): Promise<void> {
  const bytes = mutateFile(exported, random);
  const cut = random.below(bytes.length + 1);
  try {
    await verifyAuditFile([bytes.subarray(0, cut), bytes.subarray(cut)], { mesh: exported.mesh });
  } catch (error) {
    if (!isParleyError(error)) throw new BrokenInvariant("verifying threw an error without a code", { cause: error });
    return;
  }
  const held = new TextDecoder().decode(bytes).split("\n").slice(0, -1);
  if (held.some((line) => !exported.lines.includes(line)))
    throw new BrokenInvariant("a file verifies with a line that was not in it");
  if (exported.entries.some((entry) => !held.includes(entry)))
    throw new BrokenInvariant("a file verifies without an entry");
}

function feedEntry(exported: Exported, random: SeededRandom): void {
  const text = mutateText(JSON.parse(random.pick(exported.entries)), random);
  const entry = decodeAuditEntry(text);
  if (!entry.ok && !isErrorCode(entry.code)) throw new BrokenInvariant("a decoder answered with an unknown code");
  if (entry.ok && JSON.stringify(entry.value) === undefined) throw new BrokenInvariant("an entry is no JSON");
}

/** Exported audit logs and their entries, in process. */
export async function openAuditSurface(): Promise<Surface> {
  const files = await Promise.all([
    exportedLog({ entries: 5 }),
    exportedLog({ entries: 3, trimmed: true, witnessed: 2 }),
  ]);
  return {
    secrets: [],
    takeLog: () => [],
    async run(random) {
      for (let count = 0; count < entriesPerCase; count++) feedEntry(random.pick(files), random);
      for (let count = 0; count < filesPerCase; count++) await feedFile(random.pick(files), random);
      return entriesPerCase + filesPerCase;
    },
    async probe() {
      for (const { mesh, text } of files) await verifyAuditFile([new TextEncoder().encode(text)], { mesh });
    },
    close: () => Promise.resolve(),
  };
}
