import { ParleyError, toBase64url } from "@parley/protocol";
import type { CiphersuiteImpl, GroupContext, LeafNode, RatchetTree } from "ts-mls";
import { extensionsSupportedByCapabilities } from "ts-mls/extension.js";
import { verifyLeafNodeSignature, verifyLeafNodeSignatureKeyPackage } from "ts-mls/leafNode.js";
import { verifyParentHashes } from "ts-mls/parentHash.js";
import { treeHashRoot } from "ts-mls/treeHash.js";
import { directPath, leafToNodeIndex, leafWidth, toLeafIndex } from "ts-mls/treemath.js";

import { checkDevices } from "./commit-rules.ts";
import type { LeafTrust } from "./leaf-trust.ts";
import { suiteName } from "./suite.ts";
import { leavesOf, type TreeLeaf } from "./tree.ts";

/** Twice the leaves of the smallest full tree that holds `limits.encryptedDevices`. */
const mostNodes = 511;

const refused = (message: string): ParleyError => new ParleyError("bad_signature", { message });

const sameBytes = (one: Uint8Array, other: Uint8Array): boolean => toBase64url(one) === toBase64url(other);

function checkShape(tree: RatchetTree): void {
  if (tree.length > mostNodes)
    throw new ParleyError("too_large", { message: `A tree has at most ${mostNodes} nodes.` });
  for (const [at, node] of tree.entries()) {
    if (node !== undefined && (node.nodeType === "leaf") !== (at % 2 === 0))
      throw new ParleyError("malformed_frame", {
        message: "A tree has a leaf where a parent belongs, or the reverse.",
      });
  }
}

/** RFC 9420 section 7.3: no key twice. */
function checkKeys(tree: RatchetTree): void {
  const encryption = tree.flatMap((node) => {
    if (node === undefined) return [];
    return [toBase64url(node.nodeType === "leaf" ? node.leaf.hpkePublicKey : node.parent.hpkePublicKey)];
  });
  const signature = leavesOf(tree).map(({ leaf }) => toBase64url(leaf.signaturePublicKey));
  if (new Set(encryption).size < encryption.length || new Set(signature).size < signature.length)
    throw refused("A tree has one key twice.");
}

/**
 * RFC 9420 section 7.9, of a parent's unmerged leaves: each is a leaf below it, in order, and unmerged in every node between the two. Not
 * the library's own check, which asks the same of the nodes above the parent and so refuses trees that are right.
 */
export function areUnmergedLeavesRight(tree: RatchetTree): boolean {
  const width = leafWidth(tree.length);
  return tree.every((node, at) => {
    if (node?.nodeType !== "parent") return true;
    return node.parent.unmergedLeaves.every((leafIndex, place, all) => {
      const from = leafToNodeIndex(toLeafIndex(leafIndex));
      if (from >= tree.length || tree[from] === undefined || leafIndex <= (all[place - 1] ?? -1)) return false;
      const path: readonly number[] = directPath(from, width);
      const between = path.indexOf(at);
      if (between === -1) return false;
      return path.slice(0, between).every((index) => {
        const parent = tree[index];
        return parent?.nodeType !== "parent" || parent.parent.unmergedLeaves.includes(leafIndex);
      });
    });
  });
}

function canDoWhatWeUse({ capabilities, extensions }: LeafNode): boolean {
  return (
    capabilities.versions.includes("mls10") &&
    capabilities.ciphersuites.includes(suiteName) &&
    capabilities.credentials.includes("basic") &&
    extensionsSupportedByCapabilities(extensions, capabilities)
  );
}

async function checkLeaf({ leafIndex, leaf }: TreeLeaf, context: GroupContext, suite: CiphersuiteImpl): Promise<void> {
  if (!canDoWhatWeUse(leaf)) throw refused("A leaf cannot do what our groups use.");
  const holds =
    leaf.leafNodeSource === "key_package"
      ? await verifyLeafNodeSignatureKeyPackage(leaf, suite.signature)
      : await verifyLeafNodeSignature(leaf, context.groupId, leafIndex, suite.signature);
  if (!holds) throw refused("A leaf's signature does not match.");
}

/**
 * What a device that joins checks of the tree that it was given (RFC 9420 sections 7.3, 7.9 and 12.4.3.1). Throws `bad_signature`,
 * `malformed_frame`, `too_large`, `limit_reached` or `cannot_open`.
 */
export async function checkTree(
  tree: RatchetTree,
  context: GroupContext,
  trust: LeafTrust,
  suite: CiphersuiteImpl,
): Promise<void> {
  checkShape(tree);
  checkDevices(tree);
  checkKeys(tree);
  if (!areUnmergedLeavesRight(tree)) throw refused("A tree has unmerged leaves in the wrong places.");
  if (!sameBytes(context.treeHash, await treeHashRoot(tree, suite.hash)))
    throw refused("A tree is not the one that its group agreed on.");
  if (!(await verifyParentHashes(tree, suite.hash))) throw refused("A tree's parent hashes do not match.");
  for (const each of leavesOf(tree)) {
    await checkLeaf(each, context, suite);
    await trust.check(each.leaf.credential, each.leaf.signaturePublicKey, "follow");
  }
}
