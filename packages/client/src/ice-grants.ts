import type { Clock, IceServer } from "@parley/core";

/** STUN and TURN servers with credentials that live a while. */
export interface IceGrant {
  readonly servers: readonly IceServer[];
  /** Monotonic time from which a link that uses them is to be replaced: three quarters of their life. */
  readonly freshAt: number;
}

export interface IceGrantsOptions {
  readonly clock: Clock;
  /** Asks the registry; `lifeMs` is what is left of the credentials' life. */
  readonly ask: () => Promise<{ readonly servers: readonly IceServer[]; readonly lifeMs: number }>;
}

/** Credentials with less to live than this are not handed out, unless the registry gives no others. */
const leastLeftMs = 5 * 60_000;

/** The servers that the registry names, asked for again before their credentials are too old to begin with. */
export class IceGrants {
  readonly #options: IceGrantsOptions;
  #newest: (IceGrant & { readonly until: number }) | undefined;
  #asking: Promise<IceGrant> | undefined;

  constructor(options: IceGrantsOptions) {
    this.#options = options;
  }

  /** Rejects with what the request was refused with. */
  get(): Promise<IceGrant> {
    const newest = this.#newest;
    if (newest !== undefined && newest.until > this.#options.clock.monotonic()) return Promise.resolve(newest);
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  /** Asks again for the next: nobody knows how old the newest are. */
  forget(): void {
    this.#newest = undefined;
  }

  async #ask(): Promise<IceGrant> {
    const { clock, ask } = this.#options;
    const { servers, lifeMs } = await ask();
    const now = clock.monotonic();
    // Half of their life: a link that is being set up must not outlive them.
    const until = now + Math.min(lifeMs / 2, lifeMs - leastLeftMs);
    const hasSecrets = servers.some(({ credential }) => credential !== undefined);
    this.#newest = { servers, freshAt: hasSecrets ? now + (lifeMs * 3) / 4 : Number.POSITIVE_INFINITY, until };
    return this.#newest;
  }
}
