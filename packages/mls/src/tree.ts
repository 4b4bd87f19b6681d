import type { GroupDevice } from "@parley/core";
import type { LeafNode, RatchetTree } from "ts-mls";

import { readCredential } from "./leaf-credential.ts";

export interface TreeLeaf {
  readonly leafIndex: number;
  readonly leaf: LeafNode;
}

/** The leaves that are not blank. Leaves stand at even places of the tree's array (RFC 9420 section 4.1.2). */
export function leavesOf(tree: RatchetTree): readonly TreeLeaf[] {
  return tree.flatMap((node, at) => (node?.nodeType === "leaf" ? [{ leafIndex: at / 2, leaf: node.leaf }] : []));
}

/** The leaf at an index; undefined when it is blank or outside of the tree. */
export function leafAt(tree: RatchetTree, leafIndex: number): LeafNode | undefined {
  const node = tree[leafIndex * 2];
  return node?.nodeType === "leaf" ? node.leaf : undefined;
}

/** Whose leaf it is, as it says itself. */
export function deviceOf(leaf: LeafNode): GroupDevice {
  const { member, device } = readCredential(leaf.credential);
  return { member, device };
}

export const isSameDevice = (one: GroupDevice, other: GroupDevice): boolean =>
  one.member === other.member && one.device === other.device;
