import type { CiphersuiteImpl, PrivateKeyPath, Proposal, RatchetTree } from "ts-mls";
import { applyUpdatePathSecret } from "ts-mls/createCommit.js";
import { verifyLeafNodeSignature, verifyLeafNodeSignatureKeyPackage } from "ts-mls/leafNode.js";
import { verifyParentHashes } from "ts-mls/parentHash.js";
import { getCommitSecret, pathToRoot } from "ts-mls/pathSecrets.js";
import { mergePrivateKeyPaths, toPrivateKeyPath } from "ts-mls/privateKeyPath.js";
import { decodeProposal } from "ts-mls/proposal.js";
import {
  addLeafNode,
  decodeRatchetTree,
  encodeRatchetTree,
  removeLeafNode,
  resolution,
  updateLeafNode,
} from "ts-mls/ratchetTree.js";
import { treeHash, treeHashRoot } from "ts-mls/treeHash.js";
import { leafToNodeIndex, leafWidth, root, toLeafIndex, toNodeIndex } from "ts-mls/treemath.js";
import { applyUpdatePath, createUpdatePath, decodeUpdatePath } from "ts-mls/updatePath.js";
import { beforeAll, describe, expect, it } from "vitest";

import { loadSuite, suiteName } from "../src/suite.ts";
import { areUnmergedLeavesRight } from "../src/tree-check.ts";
import { leavesOf } from "../src/tree.ts";
import { decodedBy, fromHex, toHex, vectors } from "./vectors.ts";

interface Operation {
  readonly proposal: string;
  readonly proposal_sender: number;
  readonly tree_before: string;
  readonly tree_after: string;
  readonly tree_hash_before: string;
  readonly tree_hash_after: string;
}

interface Validation {
  readonly tree: string;
  readonly group_id: string;
  readonly tree_hashes: readonly string[];
  readonly resolutions: readonly (readonly number[])[];
}

interface PrivateLeaf {
  readonly index: number;
  readonly encryption_priv: string;
  readonly signature_priv: string;
  readonly path_secrets: readonly { readonly node: number; readonly path_secret: string }[];
}

interface TreeKem {
  readonly group_id: string;
  readonly epoch: number;
  readonly confirmed_transcript_hash: string;
  readonly ratchet_tree: string;
  readonly leaves_private: readonly PrivateLeaf[];
  readonly update_paths: readonly {
    readonly sender: number;
    readonly update_path: string;
    readonly commit_secret: string;
    readonly tree_hash_after: string;
    readonly path_secrets: readonly (string | null)[];
  }[];
}

function applied(tree: RatchetTree, proposal: Proposal, sender: number): RatchetTree {
  if (proposal.proposalType === "add") return addLeafNode(tree, proposal.add.keyPackage.leafNode)[0];
  if (proposal.proposalType === "remove") return removeLeafNode(tree, toLeafIndex(proposal.remove.removed));
  if (proposal.proposalType === "update") return updateLeafNode(tree, proposal.update.leafNode, toLeafIndex(sender));
  throw new Error("a vector changes a tree by something else");
}

describe("the trees of our suite", () => {
  let suite: CiphersuiteImpl;

  beforeAll(async () => {
    suite = await loadSuite();
  });

  const rootHash = async (tree: RatchetTree): Promise<string> => toHex(await treeHashRoot(tree, suite.hash));

  it("take in adds, updates and removals (tree-operations)", async () => {
    for (const vector of vectors("tree-operations") as readonly Operation[]) {
      const before = decodedBy(decodeRatchetTree, vector.tree_before);
      const after = applied(before, decodedBy(decodeProposal, vector.proposal), vector.proposal_sender);
      expect(await rootHash(before)).toBe(vector.tree_hash_before);
      expect(toHex(encodeRatchetTree(after))).toBe(vector.tree_after);
      expect(await rootHash(after)).toBe(vector.tree_hash_after);
    }
  });

  it("hold or do not hold, and ours is the check of unmerged leaves (tree-validation)", async () => {
    for (const { tree: hex, group_id, tree_hashes, resolutions } of vectors(
      "tree-validation",
    ) as readonly Validation[]) {
      const tree = decodedBy(decodeRatchetTree, hex);
      const nodes = tree.map((_, index) => toNodeIndex(index));
      expect(nodes.map((index) => resolution(tree, index))).toEqual(resolutions);
      const hashes = await Promise.all(nodes.map((index) => treeHash(tree, index, suite.hash)));
      expect(hashes.map(toHex)).toEqual(tree_hashes);
      expect(await verifyParentHashes(tree, suite.hash)).toBe(true);
      expect(areUnmergedLeavesRight(tree)).toBe(true);
      for (const { leaf, leafIndex } of leavesOf(tree)) {
        const holds =
          leaf.leafNodeSource === "key_package"
            ? verifyLeafNodeSignatureKeyPackage(leaf, suite.signature)
            : verifyLeafNodeSignature(leaf, fromHex(group_id), leafIndex, suite.signature);
        expect(await holds).toBe(true);
      }
    }
  });

  const contextOf = ({ group_id, epoch, confirmed_transcript_hash }: TreeKem, hash: Uint8Array, step: bigint) => ({
    version: "mls10" as const,
    cipherSuite: suiteName,
    groupId: fromHex(group_id),
    epoch: BigInt(epoch) + step,
    treeHash: hash,
    confirmedTranscriptHash: fromHex(confirmed_transcript_hash),
    extensions: [],
  });

  async function pathOf({ index, encryption_priv, path_secrets }: PrivateLeaf): Promise<PrivateKeyPath> {
    const own = { [leafToNodeIndex(toLeafIndex(index))]: fromHex(encryption_priv) };
    const secrets = Object.fromEntries(path_secrets.map(({ node, path_secret }) => [node, fromHex(path_secret)]));
    return mergePrivateKeyPaths(await toPrivateKeyPath(secrets, index, suite), { leafIndex: index, privateKeys: own });
  }

  it("carry path secrets to every other leaf (treekem)", async () => {
    for (const vector of vectors("treekem") as readonly TreeKem[]) {
      const tree = decodedBy(decodeRatchetTree, vector.ratchet_tree);
      for (const { sender, update_path, commit_secret, tree_hash_after, path_secrets } of vector.update_paths) {
        const path = decodedBy(decodeUpdatePath, update_path);
        const from = toLeafIndex(sender);
        const after = await applyUpdatePath(tree, from, path, suite.hash);
        expect(await rootHash(after)).toBe(tree_hash_after);
        const context = contextOf(vector, fromHex(tree_hash_after), 0n);
        for (const leaf of vector.leaves_private.filter(({ index }) => index !== sender)) {
          const own = await pathOf(leaf);
          const { nodeIndex, pathSecret } = await applyUpdatePathSecret(after, own, from, context, path, [], suite);
          expect(toHex(pathSecret)).toBe(path_secrets[leaf.index]);
          const secrets = await pathToRoot(after, toNodeIndex(nodeIndex), pathSecret, suite.kdf);
          const top = root(leafWidth(after.length));
          const commitSecret = await getCommitSecret(after, top, secrets[top] ?? new Uint8Array(), suite.kdf);
          expect(toHex(commitSecret)).toBe(commit_secret);
        }
      }
    }
  });

  it("are followed by the others when a leaf makes a path of its own (treekem)", async () => {
    for (const vector of vectors("treekem") as readonly TreeKem[]) {
      const tree = decodedBy(decodeRatchetTree, vector.ratchet_tree);
      for (const { index, signature_priv } of vector.leaves_private) {
        const from = toLeafIndex(index);
        const before = contextOf(vector, await treeHashRoot(tree, suite.hash), 0n);
        const made = await createUpdatePath(tree, from, before, fromHex(signature_priv), suite);
        const [made_, path, secrets] = made;
        const after = await applyUpdatePath(tree, from, path, suite.hash);
        expect(await rootHash(after)).toBe(await rootHash(made_));
        const context = contextOf(vector, await treeHashRoot(after, suite.hash), 1n);
        for (const other of vector.leaves_private.filter((leaf) => leaf.index !== index)) {
          const own = await pathOf(other);
          const { nodeIndex, pathSecret } = await applyUpdatePathSecret(after, own, from, context, path, [], suite);
          const expected = secrets.find((each) => each.nodeIndex === nodeIndex)?.secret ?? new Uint8Array();
          expect(toHex(pathSecret)).toBe(toHex(expected));
        }
      }
    }
  });
});
