/** What each operation on agreements does with the device of this process. */
import type { NextAct } from "@parley/client";

import type { agreementOperations } from "./agreement-operations.ts";
import type { Handlers } from "./request-context.ts";

export const agreementHandlers: Handlers<keyof typeof agreementOperations> = {
  async proposeAgreement({ device, body: { to, ...proposal } }) {
    return device.agreements.propose(to, proposal);
  },
  async actOnAgreement({ device, body }) {
    return device.agreements.act(body.agreement, body.next as NextAct);
  },
  async agreements({ device }) {
    return { agreements: [...(await device.agreements.list())] };
  },
  async agreement({ device, body }) {
    return device.agreements.get(body.agreement);
  },
  async exportAgreement({ device, body }) {
    return { file: await device.agreements.export(body.agreement) };
  },
  async offers({ device, body }) {
    const { offers, next } = await device.agreements.offers(body);
    return { offers: [...offers], next };
  },
  async takeOffer({ device, body }) {
    return device.agreements.take(body.agreement);
  },
};
