import { type AuditRecorder, byDevice } from "../audit/audit-trail.ts";
import type { Enrolments } from "../enrolments.ts";
import type { Members } from "../members.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

/** Life of a device link that names none. */
const defaultDeviceLinkMs = 600_000;

export interface DevicesServices {
  readonly audit: AuditRecorder;
  readonly members: Members;
  readonly enrolments: Enrolments;
}

/** The devices of one's own member, and how another one comes to them. */
export function devicesRequests({
  audit,
  members,
  enrolments,
}: DevicesServices): RequestHandlers<RequestsOf<"devices" | "device" | "withdrawals" | "rotation">> {
  return {
    "withdrawals.publish": async (caller, { withdrawals }) => {
      await members.publishWithdrawals(caller.member, withdrawals);
      return {};
    },
    "devices.publish": async (caller, { devices }) => {
      await members.publishDevices(caller.member, devices);
      return {};
    },
    "rotation.publish": async (caller, statements) => {
      await members.publishRotation(caller.member, statements);
      return {};
    },
    "device.invite": async (caller, { enrolment, lifeMs }) => {
      const isKnown = enrolments.knows(enrolment);
      const link = await enrolments.invite(caller.member, enrolment, lifeMs ?? defaultDeviceLinkMs);
      if (!isKnown) await audit.record({ act: "device-link.opened", by: byDevice(caller), subject: caller.member });
      return link;
    },
    "device.answer": async (caller, { enrolment, answer }) => {
      const accepted = answer !== undefined;
      const act = {
        act: "device-link.answered",
        by: byDevice(caller),
        subject: caller.member,
        facts: { accepted },
      } as const;
      await audit.watched(act, () => enrolments.answer(caller.member, enrolment, answer));
      return {};
    },
  };
}
