import { spawnSync } from "node:child_process";

/** Flags of `unshare` that make a network namespace here, and those of `nsenter` that lead into it. */
export interface NamespaceRights {
  readonly unshare: readonly string[];
  readonly nsenter: readonly string[];
}

const asRoot: NamespaceRights = { unshare: ["--net"], nsenter: ["--net"] };
/** For everyone else, where the kernel allows it: root in a user namespace of one's own. */
const asOwnRoot: NamespaceRights = {
  unshare: ["--user", "--map-root-user", "--net"],
  nsenter: ["--user", "--preserve-credentials", "--net"],
};

/** How this account may make network namespaces; undefined when it may not. */
export function namespaceRights(): NamespaceRights | undefined {
  return [asRoot, asOwnRoot].find(({ unshare }) => spawnSync("unshare", [...unshare, "true"]).status === 0);
}
