/** What the slash commands do about what waits for this person's yes, no or words. */
import { actionText, type AskedApproval, findAsked, shortRequest } from "@parley/client";
import { limits, ParleyError, visible } from "@parley/protocol";

import { type Line, span } from "../text/span.ts";
import { screenLine } from "../text/text-width.ts";
import { timeWords } from "../text/words.ts";
import type { ChatModel } from "./chat-model.ts";
import type { ChatState } from "./chat-state.ts";
import type { CommandOutcome } from "./command-runner.ts";

/** Content in a list; all of it is shown with the id. */
const mostCharacters = 200;
/** Lines of one request on a page. */
const mostLines = 200;

const nameOf = ({ people }: ChatState, member: string): string =>
  `@${screenLine(people.get(member)?.name ?? member.slice(0, 8))}`;

/** One line of what is asked. */
export function askedText(state: ChatState, { from, what }: AskedApproval): string {
  const agent = `@${screenLine(from.name)}`;
  if (what.type === "question") return `${agent}/${what.skill} asks: ${screenLine(what.text).slice(0, mostCharacters)}`;
  const { action } = what;
  const content = screenLine(actionText(action)).slice(0, mostCharacters);
  return action.kind === "call"
    ? `${nameOf(state, action.caller)} -> ${agent}/${action.skill} ${content}`
    : `${agent} posts in #${screenLine(action.name)}: ${content}`;
}

/** What can be written next. */
export function askedHint({ request, what }: AskedApproval): string {
  const id = shortRequest(request);
  return what.type === "question" ? `/reply ${id} …` : `/grant ${id}  /deny ${id}  /approvals ${id}`;
}

export function listAsked({ state }: ChatModel): CommandOutcome {
  const lines = [...state.asked.values()].flatMap((asked): readonly Line[] => [
    [span(askedText(state, asked), { bold: true })],
    [span(`${askedHint(asked)}  (until ${timeWords(asked.expires)})`, { dim: true })],
  ]);
  return { type: "page", title: "Waits for you", lines: lines.length === 0 ? [[span("nothing")]] : lines };
}

export function showAsked({ state }: ChatModel, id: string): CommandOutcome {
  const asked = findAsked([...state.asked.values()], id);
  const { what } = asked;
  const text = what.type === "question" ? what.text : actionText(what.action, 2);
  const more: readonly Line[] =
    what.type === "question"
      ? []
      : [
          [],
          [span(`A yes is to exactly this, and to nothing else: ${what.digest}`, { dim: true })],
          ...(what.quorum > 1 ? [[span(`${what.quorum} members have to say yes.`, { dim: true })]] : []),
        ];
  return {
    type: "page",
    title: askedText(state, asked).slice(0, 60),
    lines: [
      ...visible(text)
        .split("\n")
        .slice(0, mostLines)
        .map((line): Line => [span(screenLine(line))]),
      ...more,
      [],
      [span(askedHint(asked), { bold: true })],
    ],
  };
}

export async function answerAsked(model: ChatModel, name: "grant" | "deny", rest: string): Promise<CommandOutcome> {
  const waiting = [...model.state.asked.values()];
  const chosen = [...new Set(wordsOf(rest, `/${name} id`).map((id) => findAsked(waiting, id)))];
  if (chosen.some(({ what }) => what.type === "question"))
    throw new ParleyError("invalid_argument", { message: "A question is answered with /reply id text." });
  if (chosen.length > limits.approvalDigests)
    throw new ParleyError("invalid_argument", { message: `At most ${limits.approvalDigests} at once.` });
  const requests = chosen.map(({ request }) => request);
  await model.device.approvals.answer(requests, name === "grant" ? "granted" : "denied");
  return { type: "done", text: name === "grant" ? "You said yes." : "You said no." };
}

export async function replyAsked(model: ChatModel, rest: string): Promise<CommandOutcome> {
  const [, id = "", text = ""] = /^(\S+)\s+([\s\S]+)$/.exec(rest) ?? [];
  if (text === "") throw new ParleyError("invalid_argument", { message: "Write /reply id text." });
  const asked = findAsked([...model.state.asked.values()], id);
  if (asked.what.type !== "question")
    throw new ParleyError("invalid_argument", { message: "That asks for yes or no: /grant or /deny." });
  await model.device.approvals.reply(asked.request, text.slice(0, limits.approvalTextCharacters));
  return { type: "done", text: "Answered." };
}

function wordsOf(rest: string, usage: string): readonly string[] {
  const words = rest.split(/\s+/).filter((word) => word !== "");
  if (words.length === 0) throw new ParleyError("invalid_argument", { message: `Write ${usage}.` });
  return words;
}
