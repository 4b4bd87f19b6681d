import { maxKeptKeyPackages, type WelcomedState } from "@parley/core";
import { ParleyError, toBase64url } from "@parley/protocol";
import type { CiphersuiteImpl, GroupInfo, LeafIndex, PrivateKeyPath, RatchetTree, Welcome } from "ts-mls";
import { verifyGroupInfoConfirmationTag } from "ts-mls/groupInfo.js";
import type { GroupSecrets } from "ts-mls/groupSecrets.js";
import { makeKeyPackageRef } from "ts-mls/keyPackage.js";
import { deriveKeySchedule } from "ts-mls/keySchedule.js";
import { pathToRoot } from "ts-mls/pathSecrets.js";
import { mergePrivateKeyPaths, toPrivateKeyPath } from "ts-mls/privateKeyPath.js";
import { findLeafIndex } from "ts-mls/ratchetTree.js";
import { createSecretTree } from "ts-mls/secretTree.js";
import { leafToNodeIndex, leafWidth, toLeafIndex } from "ts-mls/treemath.js";
import { firstCommonAncestor } from "ts-mls/updatePath.js";
import { decryptGroupInfo, decryptGroupSecrets } from "ts-mls/welcome.js";

import { guarded } from "./failure.ts";
import { checkGroupInfo } from "./group-info.ts";
import { HeldState } from "./held-state.ts";
import { type KeptKeyPackage, readKept } from "./key-package.ts";
import type { LeafTrust } from "./leaf-trust.ts";
import { loadSuite, suiteName } from "./suite.ts";
import { readMessage } from "./wire.ts";

interface Addressed {
  readonly used: number;
  readonly kept: KeptKeyPackage;
  readonly reference: Uint8Array;
}

/** Which of the key packages a welcome is for. */
async function addressedTo(welcome: Welcome, kept: readonly Uint8Array[], suite: CiphersuiteImpl): Promise<Addressed> {
  const references = new Set(welcome.secrets.map(({ newMember }) => toBase64url(newMember)));
  for (const [used, secret] of kept.slice(0, maxKeptKeyPackages).entries()) {
    const own = readKept(secret);
    const reference = await makeKeyPackageRef(own.publicPackage, suite.hash);
    if (references.has(toBase64url(reference))) return { used, kept: own, reference };
  }
  throw new ParleyError("cannot_open", { message: "A welcome is for none of this device's key packages." });
}

/** The private keys that a newcomer has: its leaf's, and those from where its path meets the committer's. */
async function pathOf(
  tree: RatchetTree,
  leafIndex: LeafIndex,
  { kept, secrets, signer }: { kept: KeptKeyPackage; secrets: GroupSecrets; signer: number },
  suite: CiphersuiteImpl,
): Promise<PrivateKeyPath> {
  const privateKeys = { [leafToNodeIndex(leafIndex)]: kept.privatePackage.hpkePrivateKey };
  const own = { leafIndex, privateKeys };
  if (secrets.pathSecret === undefined) return own;
  const from = firstCommonAncestor(tree, leafIndex, toLeafIndex(signer));
  const pathSecrets = await pathToRoot(tree, from, secrets.pathSecret, suite.kdf);
  return mergePrivateKeyPaths(await toPrivateKeyPath(pathSecrets, leafIndex, suite), own);
}

async function stateOf(
  info: GroupInfo,
  tree: RatchetTree,
  { kept }: Addressed,
  secrets: GroupSecrets,
  suite: CiphersuiteImpl,
): Promise<HeldState> {
  const leafIndex = findLeafIndex(tree, kept.publicPackage.leafNode);
  if (leafIndex === undefined)
    throw new ParleyError("cannot_open", { message: "A welcome comes with a tree that this device is not in." });
  const noPsk = new Uint8Array(suite.kdf.size);
  if (!(await verifyGroupInfoConfirmationTag(info, secrets.joinerSecret, noPsk, suite)))
    throw new ParleyError("bad_signature", { message: "A welcome's confirmation tag does not match." });
  const { groupContext, confirmationTag, signer } = info;
  const [schedule, encryptionSecret] = await deriveKeySchedule(secrets.joinerSecret, noPsk, groupContext, suite.kdf);
  return HeldState.start({
    keys: {
      schedule,
      path: await pathOf(tree, leafIndex, { kept, secrets, signer }, suite),
      signatureKey: kept.privatePackage.signaturePrivateKey,
      confirmationTag,
    },
    context: groupContext,
    tree,
    secrets: await createSecretTree(leafWidth(tree.length), encryptionSecret, suite.kdf),
  });
}

/** RFC 9420 section 12.4.3.1. */
export async function joinByWelcome(
  bytes: Uint8Array,
  kept: readonly Uint8Array[],
  trust: LeafTrust,
): Promise<WelcomedState> {
  const { welcome } = readMessage("mls_welcome", bytes);
  if (welcome.cipherSuite !== suiteName)
    throw new ParleyError("cannot_open", { message: "A welcome is to a group of another kind." });
  const suite = await loadSuite();
  const addressed = await addressedTo(welcome, kept, suite);
  return guarded("cannot_open", async () => {
    const initKey = await suite.hpke.importPrivateKey(addressed.kept.privatePackage.initPrivateKey);
    const secrets = await decryptGroupSecrets(initKey, addressed.reference, welcome, suite.hpke);
    if (secrets === undefined || secrets.psks.length > 0)
      throw new ParleyError("malformed_frame", { message: "A welcome has no secrets of the form that we use." });
    const info = await decryptGroupInfo(welcome, secrets.joinerSecret, new Uint8Array(suite.kdf.size), suite);
    if (info === undefined)
      throw new ParleyError("malformed_frame", { message: "A welcome's GroupInfo cannot be read." });
    const tree = await checkGroupInfo(info, trust);
    return { state: await stateOf(info, tree, addressed, secrets, suite), used: addressed.used };
  });
}
