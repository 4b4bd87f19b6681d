import { maxAuthenticatedBytes, maxSkippedMessages, type OpenedMessage, type SealedMessage } from "@parley/core";
import { limits, ParleyError, toBase64url } from "@parley/protocol";
import type { PrivateMessage } from "ts-mls";
import { protectApplicationData, unprotectPrivateMessage } from "ts-mls/messageProtection.js";
import { defaultPaddingConfig } from "ts-mls/paddingConfig.js";

import { guarded } from "./failure.ts";
import { type Epoch, epochNumber, type HeldState } from "./held-state.ts";
import { loadSuite } from "./suite.ts";
import { deviceOf, leafAt } from "./tree.ts";
import { readMessage, writeMessage } from "./wire.ts";

/** What the framing of an application message adds at most, its padding included. */
const framingBytes = 1024;
/** An application message with everything around its content. */
const mostMessageBytes = limits.envelopeBytes + maxAuthenticatedBytes + framingBytes;

/** Keys of skipped messages are kept for so many per sender; posts come in the order of a log, so few are needed. */
const retention = {
  retainKeysForGenerations: 32,
  retainKeysForEpochs: 1,
  maximumForwardRatchetSteps: maxSkippedMessages,
};

export async function sealMessage(
  state: HeldState,
  content: Uint8Array,
  authenticated: Uint8Array,
): Promise<SealedMessage> {
  state.mustBeActive();
  if (authenticated.length > maxAuthenticatedBytes || content.length > limits.envelopeBytes)
    throw new ParleyError("too_large", { message: "An application message is above its limit." });
  const { keys, present } = state;
  const [data, beside] = [content.slice(), authenticated.slice()];
  const suite = await loadSuite();
  const { newSecretTree, privateMessage } = await guarded("internal", () =>
    protectApplicationData(
      keys.signatureKey,
      present.senderDataSecret,
      data,
      beside,
      present.context,
      present.secrets,
      keys.path.leafIndex,
      defaultPaddingConfig,
      suite,
    ),
  );
  const message = writeMessage(
    { version: "mls10", wireformat: "mls_private_message", privateMessage },
    mostMessageBytes,
  );
  return { state: state.moved({ ...present, secrets: newSecretTree }), message };
}

/** The kept epoch that a message is of. */
function epochOf(state: HeldState, { groupId, epoch, contentType }: PrivateMessage): Epoch {
  if (toBase64url(groupId) !== state.group)
    throw new ParleyError("cannot_open", { message: "A message is of another group." });
  if (contentType !== "application")
    throw new ParleyError("malformed_frame", { message: "A sealed message is no application message." });
  const found = [state.present, ...state.past].find(({ context }) => context.epoch === epoch);
  if (found !== undefined) return found;
  if (epoch > state.present.context.epoch) {
    throw new ParleyError("group_changed", {
      message: "A message is of a later epoch; its commits come first.",
      data: { epoch: Number(epoch) },
    });
  }
  throw new ParleyError("cannot_open", { message: "A message is of an epoch whose keys are gone." });
}

export async function openMessage(state: HeldState, bytes: Uint8Array): Promise<OpenedMessage> {
  const { privateMessage } = readMessage("mls_private_message", bytes, mostMessageBytes);
  const epoch = epochOf(state, privateMessage);
  const suite = await loadSuite();
  const { content, tree } = await guarded("cannot_open", () =>
    unprotectPrivateMessage(
      epoch.senderDataSecret,
      privateMessage,
      epoch.secrets,
      epoch.tree,
      epoch.context,
      retention,
      suite,
    ),
  );
  const { sender, authenticatedData } = content.content;
  const leaf = sender.senderType === "member" ? leafAt(epoch.tree, sender.leafIndex) : undefined;
  if (leaf === undefined || content.content.contentType !== "application") throw new ParleyError("cannot_open");
  return {
    state: state.moved({ ...epoch, secrets: tree }),
    from: deviceOf(leaf),
    epoch: epochNumber(epoch.context),
    content: content.content.applicationData.slice(),
    authenticated: authenticatedData.slice(),
  };
}
