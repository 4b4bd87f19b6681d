/**
 * Writes to an archive without end, many at a time, and reports on its standard output what was acknowledged, one number a line. Of every
 * three numbers the first is also edited and the second taken back, before it is reported.
 */
import { writeSync } from "node:fs";
import path from "node:path";

import type { ArchiveChange } from "@parley/core";
import { openSqliteArchive } from "@parley/store-sqlite";

import { archiveBounds, conversationOf, messageOf } from "./archived-numbers.ts";

const inFlight = 64;
const archive = openSqliteArchive(path.join(process.argv[2] ?? "", "archive.sqlite"), archiveBounds);
let next = 1;

async function write(): Promise<void> {
  for (;;) {
    const number = next++;
    const of = { conversation: conversationOf(number), of: `n${number}`, by: "mate", at: number };
    const changes: ArchiveChange[] = [{ type: "message", message: messageOf(number) }];
    if (number % 50 === 0) changes.push({ type: "read", conversation: of.conversation, upTo: number });
    await archive.apply(changes);
    if (number % 3 === 1) await archive.apply([{ type: "edit", ...of, text: `edited${number}` }]);
    if (number % 3 === 2) await archive.apply([{ type: "retract", ...of }]);
    if (number % 1000 === 0) await archive.remove(conversationOf(number));
    writeSync(1, `${number}\n`);
  }
}

await Promise.all(Array.from({ length: inFlight }, write));
