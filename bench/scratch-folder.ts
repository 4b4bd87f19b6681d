import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** A new folder for data that nobody needs after the bench; removed at the latest when this process exits. */
export class ScratchFolder {
  readonly path = mkdtempSync(path.join(tmpdir(), "parley-bench-"));
  readonly #onExit = (): void => this.#remove();

  constructor() {
    process.once("exit", this.#onExit);
  }

  remove(): void {
    process.off("exit", this.#onExit);
    this.#remove();
  }

  #remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
