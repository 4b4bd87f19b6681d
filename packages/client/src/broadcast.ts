/** One text to every other member, and what became of each. */
import { type ErrorCode, limits, type Path, toParleyError } from "@parley/protocol";

import { knownWithin } from "./delivery-wait.ts";
import type { Delivery, Sent } from "./delivery.ts";
import type { DeviceApi } from "./device-api.ts";
import type { FindQuery, MemberView } from "./member-view.ts";

/** What became of a broadcast to one member. */
export interface BroadcastState {
  readonly name: string;
  readonly member: string;
  readonly state: Delivery["state"];
  readonly path: Path | undefined;
  readonly error: { readonly code: ErrorCode; readonly message: string } | undefined;
}

export interface BroadcastOptions {
  /** Only to these. Default: to agents and people. */
  readonly kind?: "agent" | "person" | undefined;
  /** How long it is waited for what became of them. Default ten seconds. */
  readonly waitMs?: number | undefined;
  /** How many messages or calls of agents led to this one. */
  readonly hops?: number | undefined;
}

/** Default of `waitMs`. */
export const settleMs = 10_000;
/** Messages of one broadcast under way at the same time. */
const broadcastAtOnce = 32;

/** Every member that fits, page by page. */
export async function everyMember(
  device: Pick<DeviceApi, "find">,
  query: Omit<FindQuery, "limit" | "after">,
): Promise<readonly MemberView[]> {
  const members: MemberView[] = [];
  let after: string | undefined;
  do {
    const page = await device.find({ ...query, limit: limits.pageSize, ...(after === undefined ? {} : { after }) });
    members.push(...page.members);
    after = page.next;
  } while (after !== undefined && members.length < limits.members);
  return members;
}

/** Sends to everybody first and then waits once for all, so that those who are away do not add up. */
export async function broadcast(
  device: Pick<DeviceApi, "find" | "member" | "send" | "watch">,
  text: string,
  { kind, waitMs = settleMs, hops = 0 }: BroadcastOptions = {},
): Promise<readonly BroadcastState[]> {
  const everyone = await everyMember(device, kind === undefined ? {} : { kind });
  const others = everyone.filter(({ member }) => member !== device.member);
  const accepted = new Map<string, Sent>();
  const refused = new Map<string, BroadcastState["error"]>();
  const waiting = [...others];
  const work = async (): Promise<void> => {
    for (let view = waiting.shift(); view !== undefined; view = waiting.shift()) {
      try {
        accepted.set(view.member, await device.send(view.member, text, { hops }));
      } catch (thrown) {
        const { code, message } = toParleyError(thrown);
        refused.set(view.member, { code, message });
      }
    }
  };
  await Promise.all(Array.from({ length: broadcastAtOnce }, work));
  await knownWithin(device, [...accepted.values()], waitMs);
  return others.map(({ name, member }) => {
    const fact = accepted.get(member)?.state();
    return {
      name,
      member,
      state: fact?.state ?? "refused",
      path: fact?.path,
      error: fact?.error ?? refused.get(member),
    };
  });
}
