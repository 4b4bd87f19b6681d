/** What a program follows: channels, and what comes for the member. */
import type { DeviceEvent, IncomingMessage, IncomingPost, LinkView } from "@parley/client";
import { toParleyError } from "@parley/protocol";

import { fittingPost } from "./conversation-handlers.ts";
import { EventLane } from "./event-lane.ts";
import type { OperationEventJson } from "./operations.ts";
import type { LinkedPeer } from "./program-json.ts";
import { type RequestContext, untilAborted } from "./request-context.ts";

type Context = RequestContext<"subscribe">;
type SubscribeEvent = OperationEventJson<"subscribe">;

const peerOf = ({ member, name, device, path }: LinkView): LinkedPeer => ({ member, name, device, path });

export const messageJson = (message: IncomingMessage) => ({
  ...message,
  from: { ...message.from, roles: [...message.from.roles] },
  attachments: [...message.attachments],
});

/** Hands something to a caller. One that went did not have it: leaving first keeps it for the next one. */
async function handOver(hand: () => Promise<void>, leave: () => void): Promise<void> {
  try {
    await hand();
  } catch (error) {
    const { code } = toParleyError(error);
    if (code === "closed" || code === "canceled") leave();
    throw error;
  }
}

/** Hands direct messages to the caller until the returned function is called; through the guards of the agent at work, if there is one. */
export async function followMessages(
  { device, host }: Pick<RequestContext<"subscribe" | "messages">, "device" | "host">,
  hand: (message: IncomingMessage) => Promise<void>,
): Promise<() => void> {
  let leave: () => void = () => undefined;
  const handler = (message: IncomingMessage): Promise<void> =>
    handOver(
      () => hand(message),
      () => leave(),
    );
  leave = host === undefined ? device.onMessage(handler) : await host.listen(handler);
  return leave;
}

export async function followChannel(
  { device, signal, emit, emitAcknowledged }: Context,
  channel: string,
  options: { readonly name?: string; readonly since?: number; readonly replay?: number; readonly own?: boolean },
): Promise<Record<string, never>> {
  // Posts may come before the subscription is confirmed; the caller hears of them after that.
  const confirmed = Promise.withResolvers<void>();
  const hand = async (post: IncomingPost): Promise<void> => {
    await confirmed.promise;
    await handOver(() => emitAcknowledged({ post: fittingPost(post) }), stop);
  };
  const stop: () => void = await device.conversations.subscribe(channel, hand, options);
  await emit({ subscribed: true });
  confirmed.resolve();
  await untilAborted(signal);
  stop();
  return {};
}

export async function followEvents(
  context: Context,
  wanted: readonly ("messages" | "peers" | "receipts" | "agreements")[],
): Promise<Record<string, never>> {
  const { device, signal, emit, emitAcknowledged } = context;
  const lane = new EventLane<SubscribeEvent>(emitAcknowledged);
  const leaves: (() => void)[] = [];
  try {
    await emit({ subscribed: true });
    if (wanted.includes("peers")) {
      const open = device.links().filter(({ state }) => state === "open");
      const known = new Set(open.map(({ device: linked }) => linked));
      lane.push({ peer_list: open.map(peerOf) });
      leaves.push(device.watch((event) => tellPeer(event, known, (said) => lane.push(said))));
    }
    if (wanted.includes("receipts"))
      leaves.push(
        device.watch((event) => {
          if (event.type === "delivery") lane.push({ receipt: { to: event.to, delivery: event.delivery } });
        }),
      );
    if (wanted.includes("agreements"))
      leaves.push(
        device.watch((event) => {
          if (event.type === "agreement") lane.push({ agreement: { agreement: event.agreement, act: event.act } });
        }),
      );
    if (wanted.includes("messages"))
      leaves.push(await followMessages(context, (message) => emitAcknowledged({ message: messageJson(message) })));
    await Promise.race([untilAborted(signal), lane.failed]);
    return {};
  } finally {
    for (const leave of leaves) leave();
  }
}

/** A link tells much; a program hears when it opened and when it is gone, once each. */
function tellPeer(event: DeviceEvent, known: Set<string>, tell: (event: SubscribeEvent) => void): void {
  if (event.type !== "link") return;
  const { link } = event;
  if (link.state === "open" && !known.has(link.device)) {
    known.add(link.device);
    tell({ peer_connected: peerOf(link) });
  } else if (link.state === "closed" && known.delete(link.device)) tell({ peer_disconnected: peerOf(link) });
}
