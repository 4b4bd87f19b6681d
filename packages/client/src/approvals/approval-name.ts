/** What people call a request that waits for their word, and how its action reads. */
import { type ApprovalAction, ParleyError, type Part } from "@parley/protocol";

import type { AskedApproval } from "./approval-api.ts";

const shortCharacters = 8;

/** The beginning of an id, from a letter or digit on, so that no option parser minds it. */
export function shortRequest(request: string): string {
  const first = Math.max(0, request.search(/[A-Za-z\d]/));
  return request.slice(first, first + shortCharacters);
}

/** The one that a part of its id names. Throws `not_found`, or `invalid_argument` with the candidates when several fit. */
export function findAsked(waiting: readonly AskedApproval[], text: string): AskedApproval {
  const exact = waiting.filter(({ request }) => request === text);
  const fits = ({ request }: AskedApproval): boolean =>
    text !== "" && (request.startsWith(text) || shortRequest(request).startsWith(text));
  const fitting = exact.length > 0 ? exact : waiting.filter(fits);
  const [one] = fitting;
  if (one === undefined) throw new ParleyError("not_found", { message: `Nothing called ${text} waits for an answer.` });
  if (fitting.length > 1)
    throw new ParleyError("invalid_argument", {
      message: `"${text}" fits ${fitting.length} requests; say more of one of these: ${fitting.map(({ request }) => request).join(", ")}.`,
    });
  return one;
}

const partText = ({ text, data, url, raw }: Part, indent: number): string =>
  text ?? url ?? (raw === undefined ? JSON.stringify(data, undefined, indent) : `(${raw.length} characters of base64)`);

/** What an action is about: the input of a call, the content of a post. As it came: it is not fit for a terminal yet. */
export function actionText(action: ApprovalAction, indent = 0): string {
  if (action.kind === "call") return action.parts.map((part) => partText(part, indent)).join("\n");
  return action.content.type === "text" ? action.content.text : JSON.stringify(action.content, undefined, indent);
}
