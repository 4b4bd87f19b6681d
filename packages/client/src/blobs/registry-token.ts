import type { ReplyBody } from "@parley/protocol";

export interface RegistryTokenOptions {
  /** Asks the node over the session. */
  readonly ask: () => Promise<ReplyBody<"token.get">>;
  /** Milliseconds since 1970 by the registry's clock. */
  readonly now: () => number;
}

/** Left of its life when a token is not used any more: long enough for a request that begins now. */
const renewAheadMs = 60_000;

/** The session token for the registry's HTTP API: asked for when it is needed, and anew ahead of its expiry. */
export class RegistryToken {
  readonly #options: RegistryTokenOptions;
  #held: ReplyBody<"token.get"> | undefined;
  #asking: Promise<ReplyBody<"token.get">> | undefined;

  constructor(options: RegistryTokenOptions) {
    this.#options = options;
  }

  /** Rejects with what the session says, `unreachable` while there is none. */
  async get(): Promise<string> {
    const { ask, now } = this.#options;
    if (this.#held !== undefined && this.#held.expires - now() > renewAheadMs) return this.#held.token;
    this.#asking ??= ask().finally(() => {
      this.#asking = undefined;
    });
    this.#held = await this.#asking;
    return this.#held.token;
  }

  /** The registry did not take it: the next one is a new one. */
  drop(token: string): void {
    if (this.#held?.token === token) this.#held = undefined;
  }
}
