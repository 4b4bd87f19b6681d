/** Who says something, as it stands in a frame beside the words: by the library's checks, never by what is said. */
import { type AgentMessage, type Mention, neutralText, neutralValue, type SkillContext } from "@parley/agent";
import type { Principal, Sender } from "@parley/client";

import { frame } from "./frame.ts";

type Said = Omit<Sender, "device"> & { readonly device: string | undefined };

/** Verified facts about a sender. */
function senderOf({ name, member, device, kind, roles, trust, verified }: Said): Readonly<Record<string, unknown>> {
  return { name: `@${name}`, member, device, kind, roles, trust, verified };
}

/** A task. Its input passed the skill's schema. */
export function frameOfTask(
  { text, data }: { readonly text: string; readonly data: unknown },
  { from, actsFor, hops }: Pick<SkillContext, "from" | "actsFor" | "hops">,
): string {
  return frame("message", {
    kind: "task",
    from: senderOf(from),
    ...(actsFor === undefined ? {} : { actsFor: principalOf(actsFor) }),
    hops,
    ...(text === "" ? {} : { text: neutralText(text) }),
    ...(data === undefined ? {} : { data: neutralValue(data) }),
  });
}

function principalOf({ name, member, roles }: Principal): Readonly<Record<string, unknown>> {
  return { name: `@${name}`, member, roles };
}

/** A direct message. */
export function frameOfMessage({ from, hops, text, attachments, redelivered }: AgentMessage): string {
  return frame("message", {
    kind: "direct",
    from: senderOf(from),
    hops,
    ...(redelivered ? { redelivered } : {}),
    text,
    ...(attachments.length === 0 ? {} : { attachments: attachments.map(({ name, size }) => ({ name, size })) }),
  });
}

/** A post that calls the agent. */
export function frameOfMention({ channelName, from, via, hops, text, byName }: Mention): string {
  return frame("message", {
    kind: "post",
    channel: `#${channelName}`,
    from: senderOf(from),
    ...(via === undefined ? {} : { via: { edge: via.edge, name: via.name, standing: via.standing } }),
    callsByName: byName,
    hops,
    text,
  });
}
