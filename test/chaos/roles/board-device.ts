/** The device of a home for a process of a board run, and the file that it writes down in what happens. */
import { join } from "node:path";

import { Device } from "@parley/client";
import { DeviceLock, Home } from "@parley/client/node";
import { toParleyError } from "@parley/protocol";
import { openSqliteJournal } from "@parley/store-sqlite";

import type { BoardLine, BoardRoleSettings } from "../board-settings.ts";
import { EvidenceFile } from "../evidence.ts";

export async function openBoardDevice(settings: BoardRoleSettings) {
  const evidence = new EvidenceFile<BoardLine>(settings.evidence);
  const write = (line: BoardLine): void => evidence.write(line);
  const trouble = (what: string, error: unknown): void =>
    write({ t: "trouble", at: Date.now(), what, code: toParleyError(error).code });
  const home = await Home.open(settings.home);
  if (DeviceLock.tryTake(home.path) === undefined) throw new Error("another process holds the device");
  const { identity, registry, trust, keepIdentity } = await home.heldMesh();
  const device = await Device.open({
    strangers: "take",
    identity,
    registry,
    trust,
    keepIdentity,
    journal: openSqliteJournal({ dir: join(home.path, "journal") }),
    log: (level, event, fields) => {
      if (event === "board.leased")
        write({
          t: "leased",
          at: Date.now(),
          task: String(fields?.["task"]),
          generation: Number(fields?.["generation"]),
        });
      if (level === "error" || level === "warn")
        process.stderr.write(`${Date.now()} ${level} ${event} ${JSON.stringify(fields)}\n`);
    },
  });
  write({ t: "life", at: Date.now(), life: settings.life });
  process.on("disconnect", () => process.exit());
  return { device, write, trouble };
}
