/** What is kept for later by a device that another process holds. */
import type { Scheduled, ScheduledAct, ScheduleApi } from "@parley/client";
import { ParleyError } from "@parley/protocol";

import type { LocalCalls } from "./local-calls.ts";

export class AttachedSchedule implements ScheduleApi {
  readonly #calls: LocalCalls;

  constructor(calls: LocalCalls) {
    this.#calls = calls;
  }

  async add(at: number, act: ScheduledAct, id?: string): Promise<Scheduled> {
    const body = { at: Math.round(at), act, ...(id === undefined ? {} : { id }) };
    return (await this.#calls.call("schedule", body)).scheduled;
  }

  async list(): Promise<readonly Scheduled[]> {
    return (await this.#calls.call("scheduled", {})).scheduled;
  }

  async cancel(id: string): Promise<void> {
    await this.#calls.call("cancelScheduled", { id });
  }

  serve(): () => void {
    throw new ParleyError("unsupported_operation", {
      message: "Skills run at their time in the process that holds the device.",
    });
  }
}
