/** What each operation on guards does with the device of this process. */
import type { guardOperations } from "./guard-operations.ts";
import { given, type Handlers } from "./request-context.ts";

export const guardHandlers: Handlers<keyof typeof guardOperations> = {
  standingOf: async ({ device, body }) => {
    const { roles, tags, ...rest } = await device.guards.standingOf(body.who, given("asks", body.asks));
    return { ...rest, roles: [...roles], tags: [...tags] };
  },
  attention: ({ device }) => device.guards.attention(),
  setAttention: ({ device, body }) => device.guards.setAttention(body.mode, given("forMs", body.forMs)),
  loops: async ({ device }) => ({ loops: [...(await device.guards.loops())] }),
  stopLoop: async ({ device, body }) => ({ changed: await device.guards.stopLoop(body.loop) }),
  resumeLoop: async ({ device, body }) => ({ changed: await device.guards.resumeLoop(body.conversation) }),
  held: async ({ device }) => ({ held: [...(await device.guards.held())] }),
  hold: async ({ device, body }) => ({ admitted: await device.guards.hold(body.client) }),
  async admit({ device, body }) {
    await device.guards.admit(body.id);
    return {};
  },
  async redact({ device, body }) {
    await device.guards.redact(body.on);
    return {};
  },
};
