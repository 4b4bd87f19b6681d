/** What each operation on delegations does with the device of this process. */
import type { delegationOperations } from "./delegation-operations.ts";
import type { Handlers } from "./request-context.ts";

export const delegationHandlers: Handlers<keyof typeof delegationOperations> = {
  giveDelegation: async ({ device, body }) => ({
    chain: [...(await device.delegations.give(body.to, body.terms, body.chain))],
  }),
  delegations: async ({ device }) => ({
    given: (await device.delegations.list()).map((one) => ({ ...one, skills: [...one.skills] })),
  }),
  async withdrawDelegation({ device, body }) {
    await device.delegations.withdraw(body.id);
    return {};
  },
};
