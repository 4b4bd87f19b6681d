import type { Clock } from "@parley/core";

import type { DoorBounds } from "./bounds.ts";
import type { ClientKey } from "./client-key.ts";
import type { DoorMesh } from "./door-mesh.ts";
import { Rate } from "./rate.ts";
import { Refusal, toRefusal } from "./refusal.ts";
import { withinTime } from "./within-time.ts";

export interface MemberKeysOptions {
  readonly clock: Clock;
  readonly bounds: DoorBounds;
  readonly mesh: Pick<DoorMesh, "isMember">;
}

/** Whether a key that somebody proved is a member's. A key costs nothing to make, so the mesh is asked at a bounded rate. */
export class MemberKeys {
  readonly #options: MemberKeysOptions;
  readonly #asked: Rate;

  constructor(options: MemberKeysOptions) {
    const { clock, bounds } = options;
    this.#options = options;
    this.#asked = new Rate(bounds.keysAskedPerSecond, bounds.keysAskedBurst, clock.monotonic());
  }

  /** Of a newcomer. Throws a `Refusal` that closes when nobody can say. */
  async holds(key: ClientKey): Promise<boolean> {
    if (!this.#asked.take(this.#options.clock.monotonic()))
      throw new Refusal("RATE_LIMITED", "Too many keys are being looked up; come back in a moment.", { closes: true });
    try {
      return await this.#ask(key);
    } catch (error) {
      const { code, message } = toRefusal(error);
      throw new Refusal(code, message, { closes: true });
    }
  }

  /** Of one that was a member's before: undefined when nobody can say at present. */
  async stillHolds(key: ClientKey): Promise<boolean | undefined> {
    try {
      return await this.#ask(key);
    } catch {
      return undefined;
    }
  }

  #ask(key: ClientKey): Promise<boolean> {
    const { clock, bounds, mesh } = this.#options;
    return withinTime(clock, bounds.meshMs, mesh.isMember(key.raw));
  }
}
