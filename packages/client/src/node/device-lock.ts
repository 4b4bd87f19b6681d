import { chmodSync, closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { ParleyError } from "@parley/protocol";

import { fileError } from "./private-file.ts";

const sqliteBusy = 5;

/**
 * The lock by which one process holds a device. It is SQLite's exclusive lock on `device.lock`, which the operating
 * system keeps and drops with the process: nothing stale is left by a crash, and no two starts can both win.
 */
export class DeviceLock {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Takes the lock; undefined while another process (or this one) has it. */
  static tryTake(home: string): DeviceLock | undefined {
    const path = join(home, "device.lock");
    try {
      closeSync(openSync(path, "a", 0o600));
      chmodSync(path, 0o600);
    } catch (error) {
      throw fileError(path, error);
    }
    const database = new DatabaseSync(path, { timeout: 0 });
    try {
      database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
      return new DeviceLock(database);
    } catch (error) {
      database.close();
      if (
        error instanceof Error &&
        "errcode" in error &&
        typeof error.errcode === "number" &&
        (error.errcode & 0xff) === sqliteBusy
      )
        return undefined;
      throw new ParleyError("storage_unavailable", {
        message: `${path} is damaged; remove that one file and start again.`,
        cause: error,
      });
    }
  }

  release(): void {
    if (this.#database.isOpen) this.#database.close();
  }
}
