/** What of a policy in a file does nothing, with its places. */
import { uselessParts } from "@parley/core";
import { limits } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import { findAll } from "../member-pages.ts";
import type { OpenDevice } from "../open-device.ts";
import type { PolicyFile } from "./policy-file.ts";

export interface PolicyWarning {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Names are only looked for where `device` can ask who there is. */
export async function warningsOf(
  { document, place }: PolicyFile,
  opened: Pick<OpenDevice, "device"> | undefined,
  { out }: Pick<CommandContext, "out">,
): Promise<readonly PolicyWarning[]> {
  const members = opened === undefined ? undefined : await findAll(opened.device, {}, out);
  const known = members === undefined ? undefined : new Set(members.map(({ name }) => name));
  return uselessParts(document, known)
    .slice(0, limits.policyRules)
    .map(({ path, says }) => ({ ...place(path), message: says }));
}
