import {
  type GroupChange,
  type GroupDevice,
  maxAuthenticatedBytes,
  type NewCommit,
  type ProcessedCommit,
} from "@parley/core";
import { ParleyError, toBase64url } from "@parley/protocol";
import type { Proposal, PublicMessage } from "ts-mls";
import { createCommit } from "ts-mls/createCommit.js";
import { processPublicMessage } from "ts-mls/processMessages.js";
import { emptyPskIndex } from "ts-mls/pskIndex.js";

import { checkDevices, type CommitFacts, factsOf } from "./commit-rules.ts";
import { guarded } from "./failure.ts";
import { groupInfoOf } from "./group-info.ts";
import type { HeldState } from "./held-state.ts";
import { readKeyPackage } from "./key-package.ts";
import type { LeafTrust } from "./leaf-trust.ts";
import { loadSuite } from "./suite.ts";
import { deviceOf, isSameDevice, leavesOf } from "./tree.ts";
import { readMessage, writeMessage } from "./wire.ts";

interface Removals {
  readonly removed: readonly GroupDevice[];
  readonly proposals: readonly Proposal[];
}

function removalsOf(state: HeldState, { remove = [] }: GroupChange): Removals {
  const leaves = leavesOf(state.present.tree)
    .map(({ leafIndex, leaf }) => ({ leafIndex, device: deviceOf(leaf) }))
    .filter(({ device }) =>
      remove.some((each) => each.member === device.member && (each.device ?? device.device) === device.device),
    );
  if (leaves.some(({ leafIndex }) => leafIndex === state.keys.path.leafIndex))
    throw new ParleyError("invalid_argument", { message: "A device does not remove itself; another one does." });
  return {
    removed: leaves.map(({ device }) => device),
    proposals: leaves.map(({ leafIndex }) => ({ proposalType: "remove", remove: { removed: leafIndex } })),
  };
}

async function additionsOf(
  state: HeldState,
  { add = [] }: GroupChange,
  removed: Removals["removed"],
  trust: LeafTrust,
) {
  const packages = await Promise.all(add.map((bytes) => readKeyPackage(bytes, trust)));
  const there = state.devices.filter((device) => !removed.some((each) => isSameDevice(each, device)));
  const devices = [...there, ...packages.map(({ device }) => device)].map(({ device }) => device);
  if (new Set(devices).size < devices.length)
    throw new ParleyError("already_exists", { message: "A device that is to be added is in the group already." });
  return {
    added: packages.map(({ device }) => device),
    proposals: packages.map(({ keyPackage }): Proposal => ({ proposalType: "add", add: { keyPackage } })),
  };
}

/**
 * A commit as a PublicMessage: who is in a channel the registry knows anyway, and so a commit uses none of the message keys, and one that
 * lost against another leaves nothing behind.
 */
export async function makeCommit(
  state: HeldState,
  change: GroupChange,
  authenticated: Uint8Array,
  trust: LeafTrust,
): Promise<NewCommit> {
  state.mustBeActive();
  if (authenticated.length > maxAuthenticatedBytes)
    throw new ParleyError("too_large", { message: "What a commit carries readable is above its limit." });
  const authenticatedData = authenticated.slice();
  const { removed, proposals: removals } = removalsOf(state, change);
  const { added, proposals: additions } = await additionsOf(state, change, removed, trust);
  return guarded("internal", async () => {
    const { newState, welcome, commit } = await createCommit(
      { state: state.toLibrary(trust.service("add")), cipherSuite: await loadSuite() },
      {
        wireAsPublicMessage: true,
        extraProposals: [...removals, ...additions],
        ratchetTreeExtension: true,
        authenticatedData,
      },
    );
    checkDevices(newState.ratchetTree);
    return {
      state: state.next(newState),
      commit: writeMessage(commit),
      welcome:
        welcome === undefined ? undefined : writeMessage({ version: "mls10", wireformat: "mls_welcome", welcome }),
      groupInfo: await groupInfoOf(newState),
      added,
      removed,
    };
  });
}

/** A commit of the present epoch and what it does. Throws `group_changed` for another epoch. */
function readCommit(state: HeldState, bytes: Uint8Array): { message: PublicMessage; facts: CommitFacts } {
  const { publicMessage: message } = readMessage("mls_public_message", bytes);
  const { content } = message;
  if (content.contentType !== "commit")
    throw new ParleyError("malformed_frame", { message: "A message that changes a group is no commit." });
  const { context, tree } = state.present;
  if (toBase64url(content.groupId) !== state.group)
    throw new ParleyError("cannot_open", { message: "A commit is of another group." });
  if (content.epoch !== context.epoch) {
    throw new ParleyError("group_changed", {
      message: "A commit is not of the present epoch.",
      data: { epoch: Number(content.epoch), present: state.epoch },
    });
  }
  const own = content.sender.senderType === "member" && content.sender.leafIndex === state.keys.path.leafIndex;
  if (own)
    throw new ParleyError("cannot_open", { message: "A device takes up the state that it kept for its own commit." });
  return { message, facts: factsOf(tree, content, content.commit) };
}

export async function processCommit(state: HeldState, bytes: Uint8Array, trust: LeafTrust): Promise<ProcessedCommit> {
  state.mustBeActive();
  const { message, facts } = readCommit(state, bytes);
  const { by, added, removed, removedLeaves } = facts;
  const unlisted: GroupDevice[] = [];
  return guarded("cannot_open", async () => {
    const before = state.toLibrary(trust.follower((device) => unlisted.push(device)));
    const { newState } = await processPublicMessage(before, message, emptyPskIndex, await loadSuite());
    const selfRemoved = removedLeaves.includes(state.keys.path.leafIndex);
    if (!selfRemoved) checkDevices(newState.ratchetTree);
    return {
      state: selfRemoved ? state.removed() : state.next(newState),
      by,
      added,
      removed,
      unverified: unlisted,
      authenticated: message.content.authenticatedData.slice(),
      selfRemoved,
    };
  });
}
