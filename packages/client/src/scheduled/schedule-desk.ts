import type { Clock, Random, Timer } from "@parley/core";
import { limits, ParleyError, toBase64url, toParleyError } from "@parley/protocol";

import type { KeptTable } from "../kept-table.ts";
import type { Notices } from "../notices.ts";
import type { Scheduled, ScheduledAct, ScheduleApi } from "./schedule-api.ts";

export interface ScheduleDeskOptions {
  readonly kept: { readonly scheduled: KeptTable<Scheduled> };
  readonly clock: Clock;
  readonly random: Random;
  readonly notices: Pick<Notices, "failed">;
  readonly send: (to: string, text: string) => Promise<unknown>;
}

/** The wall clock is looked at so often: a machine that slept stands still for timers. */
const lookMs = 15_000;
/** What could not be sent now is tried again after this. */
const againMs = 60_000;

/** Does what is due, by the wall clock, also what fell due while no process held the device. */
export class ScheduleDesk implements ScheduleApi {
  readonly #options: ScheduleDeskOptions;
  #timer: Timer | undefined;
  #run: ((due: Scheduled) => Promise<void>) | undefined;
  #isOpen = false;
  #isLooking = false;

  constructor(options: ScheduleDeskOptions) {
    this.#options = options;
  }

  /** From now on what is due is done. */
  begin(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#plan();
  }

  stop(): void {
    this.#isOpen = false;
    this.#timer?.cancel();
  }

  async add(at: number, act: ScheduledAct, id?: string): Promise<Scheduled> {
    const { kept, clock, random } = this.#options;
    const scheduled = { id: id ?? toBase64url(random.bytes(9)), at: Math.round(at), made: clock.now(), act };
    if (act.kind === "send" && new TextEncoder().encode(act.text).length > limits.envelopeBytes)
      throw new ParleyError("too_large");
    await kept.scheduled.put(scheduled.id, scheduled);
    this.#plan();
    return scheduled;
  }

  list(): Promise<readonly Scheduled[]> {
    return Promise.resolve(this.#all());
  }

  async cancel(id: string): Promise<void> {
    const { scheduled } = this.#options.kept;
    if (scheduled.get(id) === undefined)
      throw new ParleyError("not_found", { message: "Nothing with this id is scheduled; see parley scheduled list." });
    await scheduled.delete(id);
  }

  serve(run: (due: Scheduled) => Promise<void>): () => void {
    this.#run = run;
    this.#plan();
    return () => {
      if (this.#run === run) this.#run = undefined;
    };
  }

  #all(): readonly Scheduled[] {
    return this.#options.kept.scheduled
      .all()
      .map(([, row]) => row)
      .toSorted((one, other) => one.at - other.at);
  }

  #plan(): void {
    this.#timer?.cancel();
    // What is being done plans what comes after it.
    if (!this.#isOpen || this.#isLooking) return;
    const next = this.#all().find((row) => this.#mayDo(row));
    if (next === undefined) return;
    const { clock } = this.#options;
    const inMs = Math.min(lookMs, Math.max(0, next.at - clock.now()));
    this.#timer = clock.setTimer(inMs, () => {
      this.#isLooking = true;
      void this.#look().finally(() => {
        this.#isLooking = false;
        this.#plan();
      });
    });
  }

  #mayDo({ act, failed }: Scheduled): boolean {
    return failed === undefined && (act.kind === "send" || this.#run !== undefined);
  }

  async #look(): Promise<void> {
    const { clock, notices } = this.#options;
    for (const row of this.#all()) {
      if (row.at > clock.now() || !this.#isOpen) return;
      if (this.#mayDo(row)) await this.#do(row).catch(notices.failed);
    }
  }

  async #do(row: Scheduled): Promise<void> {
    const { kept, clock, send, notices } = this.#options;
    const { act } = row;
    if (act.kind === "skill") {
      // Once, whatever becomes of this process meanwhile; and the others do not wait for it.
      await kept.scheduled.delete(row.id);
      this.#run?.(row).catch(notices.failed);
      return;
    }
    try {
      await send(act.to, act.text);
    } catch (error) {
      const { code, message, retryable } = toParleyError(error);
      const again = retryable ? { ...row, at: clock.now() + againMs } : { ...row, failed: { code, message } };
      return kept.scheduled.put(row.id, again);
    }
    await kept.scheduled.delete(row.id);
  }
}
