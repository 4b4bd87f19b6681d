/** What each operation of the table does with the device of this process. */
import type { DeliveryView, DeliveryViews, DeviceApi, DeviceEvent, LinkView, TransferProgress } from "@parley/client";
import { FileSink, openFileSource } from "@parley/client/node";
import { limits, ParleyError, requestTable } from "@parley/protocol";

import { agreementHandlers } from "./agreement-handlers.ts";
import { approvalHandlers } from "./approval-handlers.ts";
import { boardHandlers } from "./board-handlers.ts";
import { conversationHandlers, fittingEvent } from "./conversation-handlers.ts";
import { delegationHandlers } from "./delegation-handlers.ts";
import { guardHandlers } from "./guard-handlers.ts";
import { leaseHandlers } from "./lease-handlers.ts";
import { lineBytes } from "./local-lines.ts";
import { memberViewJson } from "./member-json.ts";
import type { OperationName } from "./operations.ts";
import { programHandlers } from "./program-handlers.ts";
import { followMessages, messageJson } from "./program-subscriptions.ts";
import { followSent, given, type Handlers, type RequestContext, untilAborted } from "./request-context.ts";
import { scheduleHandlers } from "./schedule-handlers.ts";
import { streamRun, taskHandlers } from "./task-handlers.ts";

const linkJson = (link: LinkView): LinkView => ({ ...link });
const linksOf = (device: DeviceApi): LinkView[] => device.links().map(linkJson);

/** How far a transfer is, as fast as the caller takes it: what comes in between is left out. */
function progressTo(emit: (progress: TransferProgress) => Promise<void>): (progress: TransferProgress) => void {
  let isTaken = true;
  return (progress) => {
    if (!isTaken) return;
    isTaken = false;
    emit(progress).then(
      () => (isTaken = true),
      () => undefined,
    );
  };
}

/** Of the longest line, for records and what they are wrapped in. */
const pageBytes = lineBytes - 4096;

/** As many records as a line holds; the next page begins after them. One that fills it alone goes without its text. */
function fittingPage(page: DeliveryViews): DeliveryViews {
  const records: DeliveryView[] = [];
  let bytes = 0;
  for (const whole of page.records) {
    const record = sizeOf(whole) > pageBytes ? { ...whole, text: undefined } : whole;
    const last = records.at(-1);
    bytes += sizeOf(record) + 1;
    if (last !== undefined && bytes > pageBytes) return { records, next: last.place };
    records.push(record);
  }
  return { records, next: page.next };
}

const sizeOf = (record: DeliveryView): number => Buffer.byteLength(JSON.stringify(record));

/** What is asked in the course of a task carries on what led to it, whatever the program says. */
function delegationOf({ body, served }: RequestContext<"delegate">) {
  const { task, onBehalf = false, ...request } = body;
  if (task === undefined) {
    if (onBehalf)
      throw new ParleyError("invalid_argument", { message: "`onBehalf` goes with the `task` that it is for." });
    return request;
  }
  const { deadline, cause } = served.of(task);
  const { mandate, ...led } = cause();
  if (onBehalf && mandate === undefined)
    throw new ParleyError("bad_delegation", { message: "The task came without a mandate to act for anybody." });
  const left = Math.max(1, deadline - Date.now());
  const timeLimitMs = Math.min(request.timeLimitMs ?? left, left, limits.taskMs);
  return { ...request, ...led, through: [...led.through], timeLimitMs, ...(onBehalf ? given("chain", mandate) : {}) };
}

export const operationHandlers: Handlers<OperationName> = {
  ...conversationHandlers,
  ...guardHandlers,
  ...leaseHandlers,
  ...scheduleHandlers,
  ...approvalHandlers,
  ...delegationHandlers,
  ...boardHandlers,
  ...agreementHandlers,
  ...programHandlers,
  ...taskHandlers,

  status: async ({ device, since }) => ({ pid: process.pid, since, state: device.state, links: linksOf(device) }),

  async watch({ device, signal, emit }) {
    const stop = device.watch((event: DeviceEvent) => void emit({ event: fittingEvent(event) }).catch(() => undefined));
    try {
      await emit({ state: device.state, links: linksOf(device) });
      await untilAborted(signal);
      return {};
    } finally {
      stop();
    }
  },

  memberOf: async ({ device, body }) => memberViewJson(await device.memberOf(body.who)),

  async find({ device, body }) {
    const { members, refused, next } = await device.find(body);
    return { members: members.map(memberViewJson), refused: [...refused], next };
  },

  async request({ device, body }) {
    const parsed = requestTable[body.type].body.safeParse(body.body);
    if (!parsed.success) throw new ParleyError("invalid_argument");
    return device.request(body.type, parsed.data);
  },

  send(context) {
    const { to, text, ...options } = context.body;
    return followSent(context, () => context.device.send(to, text, { ...options, signal: context.signal }));
  },

  async messages(context) {
    const leave = await followMessages(context, (message) => context.emitAcknowledged(messageJson(message)));
    await untilAborted(context.signal);
    leave();
    return {};
  },

  async attach({ device, body, signal, emit }) {
    const { path, ...options } = body;
    await using source = await openFileSource(path);
    return await device.attach(source, { ...options, signal, onProgress: progressTo(emit) });
  },

  async fetchAttachment({ device, body, signal, emit }) {
    const sink = new FileSink(body.path);
    await device.fetchAttachment(body.ref, sink, { signal, onProgress: progressTo(emit) });
    return {};
  },

  attachmentsOf: async ({ device, body }) => ({ attachments: [...(await device.attachmentsOf(body.message))] }),

  deliveries: async ({ device, body }) => fittingPage(await device.deliveries(body)),

  async redeliver({ device, body }) {
    return { id: await device.redeliver(body.id) };
  },

  async purgeDeliveries({ device, body }) {
    return { removed: await device.purgeDeliveries(body) };
  },

  async markRead({ device, body }) {
    await device.markRead(body.ids);
    return {};
  },

  async ping({ device, body }) {
    return device.ping(body.to, { ...given("paths", body.paths), ...given("timeoutMs", body.timeoutMs) });
  },

  async connect({ device, body, signal }) {
    return linkJson(await device.connect(body.to, { signal }));
  },

  async metrics({ device }) {
    return { samples: (await device.metrics()).map((sample) => ({ ...sample, labels: { ...sample.labels } })) };
  },

  async delegate(context) {
    const { device, signal, emit } = context;
    const { to, ...request } = delegationOf(context);
    const run = await device.delegate(to, { ...request, signal });
    return streamRun(run, emit);
  },

  async publishCard({ device, body }) {
    await device.publishCard(body.card);
    return {};
  },

  rotateRoot: ({ device }) => device.rotateRoot(),

  async setAvailability({ device, body }) {
    await device.setAvailability(body.availability);
    return {};
  },

  async reportUsage({ device, body }) {
    await device.reportUsage(body);
    return {};
  },
};
