/** What each operation on approvals does with the device of this process. */
import type { approvalOperations } from "./approval-operations.ts";
import type { Handlers } from "./request-context.ts";

export const approvalHandlers: Handlers<keyof typeof approvalOperations> = {
  approvals: async ({ device }) => ({ asked: [...(await device.approvals.list())] }),
  async answerApprovals({ device, body }) {
    await device.approvals.answer(body.requests, body.decision, body.standing);
    return {};
  },
  standingApprovals: async ({ device }) => ({ standing: [...(await device.approvals.standing())] }),
  async endStanding({ device, body }) {
    await device.approvals.endStanding(body.id);
    return {};
  },
  async replyToQuestion({ device, body }) {
    await device.approvals.reply(body.request, body.text);
    return {};
  },
  async replyToTask({ device, body }) {
    await device.replyToTask(body.task, body.text);
    return {};
  },
};
