import { constants } from "node:fs";
import { type FileHandle, link, lstat, open, rename, rm } from "node:fs/promises";

import { type BlobRef, ParleyError } from "@parley/protocol";

import type { ContentSink } from "../blobs/content-sink.ts";
import { readAt, requireAbsolute } from "./file-source.ts";
import { fileError } from "./private-file.ts";

/** File systems without hard links say one of these. */
const noLinks = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "EMLINK", "ENOSYS"]);

const codeOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);

/**
 * A file that fetched content becomes, never over another. Until it is whole and verified it has another name, with the
 * content's hash in it and `.part` at the end, which the next try for the same content takes up.
 */
export class FileSink implements ContentSink {
  readonly path: string;
  #file: FileHandle | undefined;
  #part = "";
  #size = 0;

  constructor(path: string) {
    requireAbsolute(path);
    this.path = path;
  }

  async open({ sha256, size }: BlobRef): Promise<number> {
    await this.#checkFree();
    this.#part = `${this.path}.${sha256.slice(0, 8)}.part`;
    this.#size = size;
    try {
      const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      this.#file = await open(this.#part, flags, 0o600);
      const facts = await this.#file.stat();
      if (!facts.isFile()) throw new ParleyError("already_exists", { message: `${this.#part} is not a file.` });
      return Math.min(facts.size, size);
    } catch (error) {
      await this.close(true);
      throw error instanceof ParleyError ? error : fileError(this.#part, error);
    }
  }

  read(from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
    return readAt(this.#opened(), this.#part, from, to);
  }

  async write(at: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      for (let done = 0; done < bytes.length;) {
        const { bytesWritten } = await this.#opened().write(bytes, done, bytes.length - done, at + done);
        done += bytesWritten;
      }
    } catch (error) {
      throw fileError(this.#part, error);
    }
  }

  async commit(): Promise<void> {
    const file = this.#opened();
    try {
      await file.truncate(this.#size);
      await file.sync();
      await this.#publish();
    } catch (error) {
      throw error instanceof ParleyError ? error : fileError(this.path, error);
    }
  }

  async close(keep: boolean): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
    if (!keep && this.#part !== "") await rm(this.#part, { force: true });
  }

  /** A link fails when the name is taken, which a rename does not. */
  async #publish(): Promise<void> {
    try {
      await link(this.#part, this.path);
      await rm(this.#part, { force: true });
    } catch (error) {
      if (codeOf(error) === "EEXIST") throw this.#taken();
      if (!noLinks.has(String(codeOf(error)))) throw error;
      await this.#checkFree();
      await rename(this.#part, this.path);
    }
  }

  async #checkFree(): Promise<void> {
    const there = await lstat(this.path).catch((error: unknown) => {
      if (codeOf(error) === "ENOENT") return undefined;
      throw fileError(this.path, error);
    });
    if (there !== undefined) throw this.#taken();
  }

  #taken(): ParleyError {
    return new ParleyError("already_exists", { message: `${this.path} exists already; nothing was overwritten.` });
  }

  #opened(): FileHandle {
    if (this.#file === undefined) throw new ParleyError("closed");
    return this.#file;
  }
}
