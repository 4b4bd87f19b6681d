/**
 * Writes down in the registry's audit log which door tokens were made and ended. `parley door-token` works on the folder alone, with or
 * without a registry that runs; so the registry looks into the folder, and notes beside a token what of it is in the log.
 */
import type { AuditRecorder } from "@parley/registry";

import type { DoorTokenFolder } from "./door-token-folder.ts";

export interface DoorTokenAuditOptions {
  readonly tokens: Pick<DoorTokenFolder, "list" | "audited" | "noteAudited">;
  readonly audit: AuditRecorder;
  /** Id of the node in whose folder the tokens are. */
  readonly node: string;
  readonly onError: (error: unknown) => void;
}

/** Pause between two looks. */
const lookEveryMs = 5000;

export class DoorTokenAudit {
  readonly #options: DoorTokenAuditOptions;
  #looking: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: DoorTokenAuditOptions) {
    this.#options = options;
  }

  start(): void {
    this.#looking = this.#look().catch(this.#options.onError);
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look()).catch(this.#options.onError);
    }, lookEveryMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  /** The entry first: one that a crash cut off from its note comes twice rather than not at all. */
  async #look(): Promise<void> {
    const { tokens, audit, node } = this.#options;
    for (const { id, revoked } of await tokens.list()) {
      const state = revoked === undefined ? "created" : "revoked";
      const known = await tokens.audited(id);
      if (known === state || known === "revoked") continue;
      const by = { node };
      if (known === undefined) await audit.record({ act: "door-token.created", by, subject: id });
      if (state === "revoked") await audit.record({ act: "door-token.revoked", by, subject: id });
      await tokens.noteAudited(id, state);
    }
  }
}
