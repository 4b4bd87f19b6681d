import type { NewCommit } from "@parley/core";
import { ParleyError } from "@parley/protocol";
import type { CiphersuiteImpl, GroupInfo, LeafIndex, Proposal, RatchetTree } from "ts-mls";
import { exportSecret, nextEpochContext } from "ts-mls/clientState.js";
import { createConfirmationTag, createContentCommitSignature } from "ts-mls/framedContent.js";
import { initializeEpoch } from "ts-mls/keySchedule.js";
import { protectPublicMessage } from "ts-mls/messageProtectionPublic.js";
import { getCommitSecret, pathToPathSecrets } from "ts-mls/pathSecrets.js";
import { toPrivateKeyPath, updateLeafKey } from "ts-mls/privateKeyPath.js";
import { addLeafNode, removeLeafNode } from "ts-mls/ratchetTree.js";
import { createSecretTree } from "ts-mls/secretTree.js";
import { treeHashRoot } from "ts-mls/treeHash.js";
import { leafWidth, nodeToLeafIndex, toLeafIndex, toNodeIndex } from "ts-mls/treemath.js";
import { createUpdatePath } from "ts-mls/updatePath.js";

import { checkDevices } from "./commit-rules.ts";
import { guarded } from "./failure.ts";
import { checkGroupInfo, groupInfoOf } from "./group-info.ts";
import { HeldState } from "./held-state.ts";
import { type KeptKeyPackage, type KeyPackageOwner, newKeyPackage } from "./key-package.ts";
import type { LeafTrust } from "./leaf-trust.ts";
import { loadSuite } from "./suite.ts";
import { deviceOf, leavesOf } from "./tree.ts";
import { readMessage, writeMessage } from "./wire.ts";

/** The new leaf with its path and what comes of it. */
async function newPath(
  info: GroupInfo,
  tree: RatchetTree,
  former: LeafIndex | undefined,
  kept: KeptKeyPackage,
  suite: CiphersuiteImpl,
) {
  const { signaturePrivateKey } = kept.privatePackage;
  const remaining = former === undefined ? tree : removeLeafNode(tree, former);
  const [grown, nodeIndex] = addLeafNode(remaining, kept.publicPackage.leafNode);
  const leafIndex = nodeToLeafIndex(nodeIndex);
  const [next, path, secrets, leafKey] = await createUpdatePath(
    grown,
    leafIndex,
    info.groupContext,
    signaturePrivateKey,
    suite,
  );
  const fromSecrets = await toPrivateKeyPath(pathToPathSecrets(secrets), leafIndex, suite);
  const root = secrets.at(-1);
  return {
    tree: next,
    path,
    privatePath: updateLeafKey(fromSecrets, await suite.hpke.exportPrivateKey(leafKey)),
    commitSecret:
      root === undefined
        ? new Uint8Array(suite.kdf.size)
        : await getCommitSecret(next, toNodeIndex(root.nodeIndex), root.secret, suite.kdf),
  };
}

async function commitTo(
  info: GroupInfo,
  tree: RatchetTree,
  former: LeafIndex | undefined,
  kept: KeptKeyPackage,
): Promise<{ readonly state: HeldState; readonly commit: Uint8Array<ArrayBuffer> }> {
  const suite = await loadSuite();
  const external = info.extensions.find(({ extensionType }) => extensionType === "external_pub");
  if (external === undefined) throw new ParleyError("malformed_frame", { message: "A GroupInfo has no external key." });
  const { enc, secret: initSecret } = await exportSecret(external.extensionData, suite);
  const made = await newPath(info, tree, former, kept, suite);
  const removal: readonly Proposal[] =
    former === undefined ? [] : [{ proposalType: "remove", remove: { removed: former } }];
  const proposals: readonly Proposal[] = [
    ...removal,
    { proposalType: "external_init", externalInit: { kemOutput: enc } },
  ];
  const { signature, framedContent } = await createContentCommitSignature(
    info.groupContext,
    "mls_public_message",
    { proposals: proposals.map((proposal) => ({ proposalOrRefType: "proposal", proposal })), path: made.path },
    { senderType: "new_member_commit" },
    new Uint8Array(),
    kept.privatePackage.signaturePrivateKey,
    suite.signature,
  );
  const context = await nextEpochContext(
    info.groupContext,
    "mls_public_message",
    framedContent,
    signature,
    await treeHashRoot(made.tree, suite.hash),
    info.confirmationTag,
    suite.hash,
  );
  const epoch = await initializeEpoch(
    initSecret,
    made.commitSecret,
    context,
    new Uint8Array(suite.kdf.size),
    suite.kdf,
  );
  const { confirmationKey, membershipKey } = epoch.keySchedule;
  const confirmationTag = await createConfirmationTag(confirmationKey, context.confirmedTranscriptHash, suite.hash);
  const publicMessage = await protectPublicMessage(
    membershipKey,
    context,
    {
      wireformat: "mls_public_message",
      content: framedContent,
      auth: { contentType: "commit", signature, confirmationTag },
    },
    suite,
  );
  const state = HeldState.start({
    keys: {
      schedule: epoch.keySchedule,
      path: made.privatePath,
      signatureKey: kept.privatePackage.signaturePrivateKey,
      confirmationTag,
    },
    context,
    tree: made.tree,
    secrets: await createSecretTree(leafWidth(made.tree.length), epoch.encryptionSecret, suite.kdf),
  });
  return { state, commit: writeMessage({ version: "mls10", wireformat: "mls_public_message", publicMessage }) };
}

/** RFC 9420 section 12.4.3.2. */
export async function joinByCommit(bytes: Uint8Array, owner: KeyPackageOwner, trust: LeafTrust): Promise<NewCommit> {
  const { groupInfo } = readMessage("mls_group_info", bytes);
  return guarded("cannot_open", async () => {
    const tree = await checkGroupInfo(groupInfo, trust);
    const own = { member: owner.member, device: owner.device.id };
    const former = leavesOf(tree).find(({ leaf }) => deviceOf(leaf).device === own.device);
    const formerIndex = former === undefined ? undefined : toLeafIndex(former.leafIndex);
    const { state, commit } = await commitTo(groupInfo, tree, formerIndex, await newKeyPackage(owner));
    checkDevices(state.present.tree);
    return {
      state,
      commit,
      welcome: undefined,
      groupInfo: await groupInfoOf(state.toLibrary(trust.service("follow"))),
      added: [own],
      removed: former === undefined ? [] : [own],
    };
  });
}
