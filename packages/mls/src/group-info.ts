import { ParleyError, toBase64url } from "@parley/protocol";
import type { ClientState, GroupInfo, RatchetTree } from "ts-mls";
import { createGroupInfoWithExternalPubAndRatchetTree } from "ts-mls/createCommit.js";
import { ratchetTreeFromExtension, verifyGroupInfoSignature } from "ts-mls/groupInfo.js";

import { bytesOfId } from "./leaf-credential.ts";
import type { LeafTrust } from "./leaf-trust.ts";
import { loadSuite, suiteName } from "./suite.ts";
import { checkTree } from "./tree-check.ts";
import { leafAt } from "./tree.ts";
import { writeMessage } from "./wire.ts";

/** With what others join the present epoch by themselves (RFC 9420 section 12.4.3). */
export async function groupInfoOf(state: ClientState): Promise<Uint8Array<ArrayBuffer>> {
  const groupInfo = await createGroupInfoWithExternalPubAndRatchetTree(state, [], await loadSuite());
  return writeMessage({ version: "mls10", wireformat: "mls_group_info", groupInfo });
}

/** The tree of a group that this device joins, when tree and GroupInfo hold. Throws coded errors, see `checkTree`. */
export async function checkGroupInfo(info: GroupInfo, trust: LeafTrust): Promise<RatchetTree> {
  const { groupContext, signer } = info;
  if (groupContext.cipherSuite !== suiteName || groupContext.extensions.length > 0)
    throw new ParleyError("cannot_open", { message: "A group is not of the kind that we use." });
  bytesOfId(toBase64url(groupContext.groupId));
  const tree = ratchetTreeFromExtension(info);
  const leaf = tree === undefined ? undefined : leafAt(tree, signer);
  if (tree === undefined || leaf === undefined)
    throw new ParleyError("malformed_frame", { message: "A GroupInfo lacks its tree or its signer." });
  const suite = await loadSuite();
  if (!(await verifyGroupInfoSignature(info, leaf.signaturePublicKey, suite.signature)))
    throw new ParleyError("bad_signature", { message: "A GroupInfo's signature does not match." });
  await checkTree(tree, groupContext, trust, suite);
  return tree;
}
