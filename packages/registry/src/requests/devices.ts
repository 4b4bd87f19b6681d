import type { Enrolments } from "../enrolments.ts";
import type { Members } from "../members.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

/** Life of a device link that names none. */
const defaultDeviceLinkMs = 600_000;

export interface DevicesServices {
  readonly members: Members;
  readonly enrolments: Enrolments;
}

/** The devices of one's own member, and how another one comes to them. */
export function devicesRequests({
  members,
  enrolments,
}: DevicesServices): RequestHandlers<RequestsOf<"devices" | "device" | "rotation">> {
  return {
    "devices.publish": async (caller, { devices }) => {
      await members.publishDevices(caller.member, devices);
      return {};
    },
    "rotation.publish": async (caller, statements) => {
      await members.publishRotation(caller.member, statements);
      return {};
    },
    "device.invite": (caller, { enrolment, lifeMs }) =>
      enrolments.invite(caller.member, enrolment, lifeMs ?? defaultDeviceLinkMs),
    "device.answer": async (caller, { enrolment, answer }) => {
      await enrolments.answer(caller.member, enrolment, answer);
      return {};
    },
  };
}
