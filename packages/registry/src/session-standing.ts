import type { Clock, PolicyMember } from "@parley/core";
import type { ErrorCode } from "@parley/protocol";

import type { Authority } from "./authority.ts";

/** What is on its way when an operator's order comes is no defiance. */
const graceMs = 500;

/** How one session stands to the operators' orders as they change. */
export class SessionStanding {
  readonly #authority: Authority;
  readonly #clock: Pick<Clock, "monotonic">;
  #silentSince: number | undefined;
  #wasPaused = false;

  constructor(authority: Authority, clock: Pick<Clock, "monotonic">) {
    this.#authority = authority;
    this.#clock = clock;
  }

  /** Called for each frame and post: the code to end the session with when its device goes on writing although it is silenced. */
  defiance(member: PolicyMember): ErrorCode | undefined {
    const silence = this.#authority.silence(member);
    if (silence === undefined) {
      this.#silentSince = undefined;
      return undefined;
    }
    const now = this.#clock.monotonic();
    this.#silentSince ??= now;
    return now - this.#silentSince > graceMs ? silence.code : undefined;
  }

  isPaused(member: PolicyMember): boolean {
    this.#wasPaused ||= this.#authority.isPaused(member);
    return this.#authority.isPaused(member);
  }

  /** Whether a pause that was noticed before is over; true once. */
  tookPauseOff(member: PolicyMember): boolean {
    if (!this.#wasPaused || this.#authority.isPaused(member)) return false;
    this.#wasPaused = false;
    return true;
  }
}
