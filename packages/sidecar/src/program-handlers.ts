/** What each operation of programs does with the device, and the agent at work, of this process. */
import { broadcast, type DeviceApi, type MemberView } from "@parley/client";
import type { ArchivedMessage } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import { fittingMessage } from "./conversation-handlers.ts";
import type { OperationReplyJson } from "./operations.ts";
import type { PeerJson } from "./program-json.ts";
import type { programOperations } from "./program-operations.ts";
import { followChannel, followEvents } from "./program-subscriptions.ts";
import { given, type Handlers, type RequestContext, untilAborted } from "./request-context.ts";
import type { HostedTask } from "./skill-host.ts";

const defaultConcurrency = 8;
const defaultHistory = 50;
const historyPage = 200;

function peerJson(view: MemberView, device: DeviceApi): PeerJson {
  const { member, name, kind, roles, live, card } = view;
  const links = device.links().filter((link) => link.member === member && link.state === "open");
  return {
    member,
    name,
    kind,
    roles: [...roles],
    live,
    description: card?.description ?? "",
    skills: (card?.skills ?? []).map(({ id, description, tags }) => ({ id, description, tags: [...tags] })),
    links: links.map(({ device: linked, path }) => ({ device: linked, path })),
  };
}

export const programHandlers: Handlers<keyof typeof programOperations> = {
  async broadcast({ device, body, served, emit }) {
    const { text, kind, waitMs, task } = body;
    const hops = task === undefined ? body.hops : served.of(task).cause().hops;
    const states = await broadcast(device, text, { kind, waitMs, hops });
    for (const state of states) await emit({ sent: { ...state } });
    return { members: states.length };
  },

  async list_peers({ device, body }) {
    const { members, next } = await device.find(body);
    const others = members.filter(({ member }) => member !== device.member);
    return { peers: others.map((view) => peerJson(view, device)), ...given("next", next) };
  },

  async serve({ host, served, body, program, signal, emit }) {
    if (host === undefined)
      throw new ParleyError("unsupported_operation", {
        message: "The process that holds this device serves no skills of programs; run `parley sidecar`.",
      });
    const { skills, concurrency = defaultConcurrency } = body;
    const confirmed = Promise.withResolvers<void>();
    let running = 0;
    const work = async (task: HostedTask): Promise<unknown> => {
      const skill = skills.find(({ id }) => id === task.skill);
      if (skill === undefined || running >= concurrency)
        throw new ParleyError("limit_reached", {
          message: `The program works on ${concurrency} tasks, its limit; try again soon.`,
        });
      running++;
      try {
        await confirmed.promise;
        return await served.work(task, skill, emit, signal);
      } finally {
        running--;
      }
    };
    const withdraw = await host.offer({ program, skills, work });
    try {
      await emit({ serving: skills.map(({ id }) => id) });
      confirmed.resolve();
      await untilAborted(signal);
      return {};
    } finally {
      confirmed.resolve();
      await withdraw();
    }
  },

  reply: (context) => replyTo(context),

  subscribe(context) {
    const { body } = context;
    if ("events" in body) return followEvents(context, body.events);
    const { channel, ...options } = body;
    return followChannel(context, channel, options);
  },

  async history({ device, body, emit }) {
    const { conversation, limit = defaultHistory, ...query } = body;
    const { messages, more } = await newest(device, conversation, limit, query);
    for (const message of messages) await emit({ message: fittingMessage(message) });
    return { more };
  },
};

async function replyTo({ served, body }: RequestContext<"reply">): Promise<OperationReplyJson<"reply">> {
  const task = served.of(body.task);
  if ("progress" in body) await task.progress(body.progress);
  else if ("artifact" in body) await task.artifact(body.artifact);
  else if ("result" in body) served.complete(task.id, body.result);
  else if ("error" in body) {
    const { code = "task_failed", message } = body.error;
    served.fail(task.id, new ParleyError(code, message === undefined ? {} : { message }));
  } else {
    const { question, ...options } = body.ask;
    return { answer: await task.ask(question, options) };
  }
  return {};
}

/** The last so many; older posts of a channel are fetched when the device does not have enough. */
async function newest(
  device: DeviceApi,
  conversation: string,
  count: number,
  query: { readonly before?: number; readonly thread?: string },
): Promise<{ readonly messages: readonly ArchivedMessage[]; readonly more: boolean }> {
  const found: ArchivedMessage[] = [];
  let more = true;
  while (found.length < count) {
    const before = found[0]?.sort ?? query.before;
    const page = await device.conversations.messages({
      conversation,
      limit: Math.min(historyPage, count - found.length),
      ...given("before", before),
      ...given("thread", query.thread),
    });
    found.unshift(...page.messages);
    ({ more } = page);
    if (more) continue;
    if (found.length >= count || !conversation.startsWith("#")) break;
    if (!(await device.conversations.fetchOlder(conversation))) break;
  }
  return { messages: found, more };
}
