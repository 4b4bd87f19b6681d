import type { GroupDevice } from "@parley/core";
import { limits, ParleyError } from "@parley/protocol";
import type { FramedContent, LeafNode, Proposal, RatchetTree } from "ts-mls";
import type { Commit } from "ts-mls/commit.js";

import { deviceOf, isSameDevice, leafAt, leavesOf } from "./tree.ts";

/**
 * What we ask of a commit beyond RFC 9420 section 12.4.2, most of it left to the application there: proposals by value, of members only
 * adds and removals, of one who joins only the removal of its own older leaf, and one leaf per device.
 */
export interface CommitFacts {
  readonly by: GroupDevice;
  readonly added: readonly GroupDevice[];
  readonly removed: readonly GroupDevice[];
  /** Leaves that are removed. */
  readonly removedLeaves: readonly number[];
}

const refused = (message: string): ParleyError => new ParleyError("cannot_open", { message });

function valuesOf({ proposals }: Commit): readonly Proposal[] {
  return proposals.map((each) => {
    if (each.proposalOrRefType === "proposal") return each.proposal;
    throw refused("A commit names a proposal that was never made.");
  });
}

function removalOf(tree: RatchetTree, leafIndex: number): GroupDevice {
  const leaf = leafAt(tree, leafIndex);
  if (leaf === undefined) throw refused("A commit removes a leaf that is not there.");
  return deviceOf(leaf);
}

function ofMember(tree: RatchetTree, leafIndex: number, commit: Commit): CommitFacts {
  const committer = leafAt(tree, leafIndex);
  if (committer === undefined) throw refused("A commit is of a leaf that is not there.");
  const by = deviceOf(committer);
  if (commit.path !== undefined && !isSameDevice(by, deviceOf(commit.path.leafNode)))
    throw refused("A commit turns its leaf into another device's.");
  const [added, removed, removedLeaves]: [GroupDevice[], GroupDevice[], number[]] = [[], [], []];
  for (const proposal of valuesOf(commit)) {
    if (proposal.proposalType === "add") added.push(deviceOf(proposal.add.keyPackage.leafNode));
    else if (proposal.proposalType === "remove") {
      removed.push(removalOf(tree, proposal.remove.removed));
      removedLeaves.push(proposal.remove.removed);
    } else throw refused("A commit has a proposal that our groups do not use.");
  }
  return { by, added, removed, removedLeaves };
}

function ofNewcomer(tree: RatchetTree, path: LeafNode, commit: Commit): CommitFacts {
  const by = deviceOf(path);
  const proposals = valuesOf(commit);
  const removedLeaves = proposals.flatMap((proposal) => {
    if (proposal.proposalType === "external_init") return [];
    if (proposal.proposalType === "remove") return [proposal.remove.removed];
    throw refused("An external commit has a proposal that our groups do not use.");
  });
  if (proposals.length - removedLeaves.length !== 1)
    throw refused("An external commit does not start anew exactly once.");
  const removed = removedLeaves.map((leafIndex) => removalOf(tree, leafIndex));
  if (!removed.every((device) => isSameDevice(device, by)))
    throw refused("An external commit removes another device than its own.");
  return { by, added: [by], removed, removedLeaves };
}

/** Who commits what, by the tree before the commit. Throws `cannot_open` for what our groups do not do. */
export function factsOf(tree: RatchetTree, { sender }: FramedContent, commit: Commit): CommitFacts {
  if (sender.senderType === "member") return ofMember(tree, sender.leafIndex, commit);
  if (sender.senderType !== "new_member_commit" || commit.path === undefined)
    throw refused("A commit comes from outside of the group.");
  return ofNewcomer(tree, commit.path.leafNode, commit);
}

/** Throws `cannot_open` when a device has two leaves, `limit_reached` when there are too many. */
export function checkDevices(tree: RatchetTree): void {
  const leaves = leavesOf(tree);
  if (leaves.length > limits.encryptedDevices)
    throw new ParleyError("limit_reached", { message: `A group has at most ${limits.encryptedDevices} devices.` });
  if (new Set(leaves.map(({ leaf }) => deviceOf(leaf).device)).size < leaves.length)
    throw refused("A device has two leaves in the group.");
}
