/**
 * Door tokens in the registry's data folder, a file each, so that `parley door-token` works beside a running `parley up`, which
 * has the database for itself. What is noted later is a file of its own: no writer ever undoes what another one wrote.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { fileError, preparePrivateFolder, readPrivateFile, writePrivateFile } from "@parley/client/node";
import type { DoorTokenRecord, DoorTokenStore } from "@parley/door";
import { ParleyError, parseJson } from "@parley/protocol";
import { z } from "zod";

const fileSchema = z.strictObject({
  id: z.string(),
  name: z.string(),
  salt: z.string(),
  hash: z.string(),
  created: z.int().min(0),
});

const nameOfFile = /^([A-Za-z0-9_-]{11})\.json$/;
const mostFileCharacters = 4096;
/** Revoked ones included; more are neither listed nor made. */
const mostTokens = 10_000;

export class DoorTokenFolder implements DoorTokenStore {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** Opens or makes the folder. Throws `storage_unavailable`. */
  static async open(path: string): Promise<DoorTokenFolder> {
    await preparePrivateFolder(path);
    return new DoorTokenFolder(path);
  }

  async get(id: string): Promise<DoorTokenRecord | undefined> {
    if (!nameOfFile.test(`${id}.json`)) return undefined;
    const text = await readPrivateFile(this.#file(id, "json"));
    if (text === undefined) return undefined;
    const json = parseJson(text, mostFileCharacters);
    const parsed = json.ok ? fileSchema.safeParse(json.value) : undefined;
    if (parsed?.success !== true)
      throw new ParleyError("storage_unavailable", { message: `${this.#file(id, "json")} is damaged; remove it.` });
    // A file system may not tell upper from lower case.
    if (parsed.data.id !== id) return undefined;
    const [lastUsed, revoked] = await Promise.all([this.#time(id, "used"), this.#time(id, "revoked")]);
    return { ...parsed.data, lastUsed, revoked };
  }

  /** The oldest first. */
  async list(): Promise<readonly DoorTokenRecord[]> {
    const ids = (await this.#names()).flatMap((name) => nameOfFile.exec(name)?.[1] ?? []).slice(0, mostTokens);
    const records: DoorTokenRecord[] = [];
    for (const id of ids) {
      const record = await this.get(id);
      if (record !== undefined) records.push(record);
    }
    return records.sort((one, other) => one.created - other.created);
  }

  async put({ lastUsed, revoked, ...token }: DoorTokenRecord): Promise<void> {
    const known = await this.get(token.id);
    if (known === undefined) {
      if ((await this.#names()).filter((name) => nameOfFile.test(name)).length >= mostTokens)
        throw new ParleyError("limit_reached", { message: `${this.#path} holds ${mostTokens} door tokens.` });
      await writePrivateFile(this.#file(token.id, "json"), `${JSON.stringify(token)}\n`);
    }
    if (lastUsed !== undefined && lastUsed !== known?.lastUsed)
      await writePrivateFile(this.#file(token.id, "used"), `${lastUsed}\n`);
    if (revoked !== undefined && known?.revoked === undefined)
      await writePrivateFile(this.#file(token.id, "revoked"), `${revoked}\n`);
  }

  /** What of a token is in the audit log. */
  async audited(id: string): Promise<"created" | "revoked" | undefined> {
    const text = (await readPrivateFile(this.#file(id, "audited")))?.trim();
    return text === "created" || text === "revoked" ? text : undefined;
  }

  async noteAudited(id: string, state: "created" | "revoked"): Promise<void> {
    await writePrivateFile(this.#file(id, "audited"), `${state}\n`);
  }

  async #names(): Promise<readonly string[]> {
    try {
      return await readdir(this.#path);
    } catch (error) {
      throw fileError(this.#path, error);
    }
  }

  /** A file that is there and holds no time counts as one of long ago: a revoked token stays so. */
  async #time(id: string, what: "used" | "revoked"): Promise<number | undefined> {
    const text = await readPrivateFile(this.#file(id, what));
    return text === undefined ? undefined : Math.max(0, Math.trunc(Number(text)) || 0);
  }

  #file(id: string, ending: "json" | "used" | "revoked" | "audited"): string {
    return join(this.#path, `${id}.${ending}`);
  }
}
