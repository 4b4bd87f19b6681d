/** What each operation on what is kept for later does with the device of this process. */
import type { Handlers } from "./request-context.ts";
import type { scheduleOperations } from "./schedule-operations.ts";

export const scheduleHandlers: Handlers<keyof typeof scheduleOperations> = {
  schedule: async ({ device, body }) => ({ scheduled: await device.scheduled.add(body.at, body.act, body.id) }),
  scheduled: async ({ device }) => ({ scheduled: [...(await device.scheduled.list())] }),
  async cancelScheduled({ device, body }) {
    await device.scheduled.cancel(body.id);
    return {};
  },
};
