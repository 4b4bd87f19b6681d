import type { DeviceApi, FindQuery, MemberView } from "@parley/client";
import { limits } from "@parley/protocol";

import type { Presenter } from "./presenter.ts";

const mostPages = Math.ceil(limits.members / limits.pageSize);

/** Every member that fits, page by page. Entries whose statements do not hold are named on the error output. */
export async function findAll(device: DeviceApi, query: FindQuery, out: Presenter): Promise<readonly MemberView[]> {
  const found: MemberView[] = [];
  let after: string | undefined;
  for (let page = 0; page < mostPages; page++) {
    const { members, refused, next } = await device.find({ ...query, ...(after === undefined ? {} : { after }) });
    found.push(...members);
    for (const { code, message } of refused) out.note(out.style("yellow", `refused: ${message} (${code})`));
    if (next === undefined) break;
    after = next;
  }
  return found;
}
