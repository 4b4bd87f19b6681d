import type { Scheduled, ScheduledAct, ScheduleApi } from "@parley/client";

/** What is kept for later, in memory, for a device that does what a test tells it. */
export class FakeSchedule implements ScheduleApi {
  readonly rows = new Map<string, Scheduled>();
  run: ((due: Scheduled) => Promise<void>) | undefined;

  add(at: number, act: ScheduledAct, id = `s-${this.rows.size}`): Promise<Scheduled> {
    const row = { id, at, made: 0, act };
    this.rows.set(id, row);
    return Promise.resolve(row);
  }

  list(): Promise<readonly Scheduled[]> {
    return Promise.resolve([...this.rows.values()]);
  }

  cancel(id: string): Promise<void> {
    this.rows.delete(id);
    return Promise.resolve();
  }

  serve(run: (due: Scheduled) => Promise<void>): () => void {
    this.run = run;
    return () => undefined;
  }
}
