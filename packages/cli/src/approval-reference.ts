/** Short names of what waits for an answer: any part of its id, from its beginning, that leaves no doubt. */
import type { AskedApproval } from "@parley/client";
import { ParleyError } from "@parley/protocol";

import { shortRequest } from "./approval-view.ts";

/** The one that a part of its id names. Throws `not_found`, or `invalid_argument` with the candidates when several fit. */
export function findAsked(waiting: readonly AskedApproval[], text: string): AskedApproval {
  const exact = waiting.filter(({ request }) => request === text);
  const fits = ({ request }: AskedApproval): boolean =>
    text !== "" && (request.startsWith(text) || shortRequest(request).startsWith(text));
  const fitting = exact.length > 0 ? exact : waiting.filter(fits);
  const [one] = fitting;
  if (one === undefined)
    throw new ParleyError("not_found", {
      message: `Nothing called ${text} waits for an answer; see \`parley approval list\`.`,
    });
  if (fitting.length > 1)
    throw new ParleyError("invalid_argument", {
      message: `"${text}" fits ${fitting.length} requests; say more of one of these: ${fitting.map(({ request }) => request).join(", ")}.`,
    });
  return one;
}
