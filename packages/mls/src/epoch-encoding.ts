import type { GenerationSecret, GroupContext, LeafNode, RatchetTree, SecretTree, SecretTreeNode } from "ts-mls";
import { decodeUint32, decodeUint64, uint32Encoder, uint64Encoder } from "ts-mls/codec/number.js";
import { decodeOptional, optionalEncoder } from "ts-mls/codec/optional.js";
import { mapDecoders } from "ts-mls/codec/tlsDecoder.js";
import { contramapBufferEncoders } from "ts-mls/codec/tlsEncoder.js";
import {
  decodeVarLenData,
  decodeVarLenType,
  varLenDataEncoder,
  varLenTypeEncoder,
} from "ts-mls/codec/variableLength.js";
import { decodeGroupContext, groupContextEncoder } from "ts-mls/groupContext.js";
import { decodeLeafNode, leafNodeEncoder } from "ts-mls/leafNode.js";
import { decodeGenerationSecret, generationSecretEncoder } from "ts-mls/secretTree.js";

import type { Epoch } from "./held-state.ts";
import { leafAt, leavesOf } from "./tree.ts";

/** The application ratchet of a leaf. Ratchets of parents and of handshakes are never used: our commits are public messages. */
interface LeafRatchet {
  readonly leafIndex: number;
  readonly ratchet: GenerationSecret;
}

/** The ratchets of one epoch, by its number. */
export interface EpochRatchets {
  readonly epoch: bigint;
  readonly ratchets: readonly LeafRatchet[];
}

/** A leaf of a past epoch; undefined when it is still the one of the present tree. */
interface PastLeaf {
  readonly leafIndex: number;
  readonly leaf: LeafNode | undefined;
}

/** A past epoch: for opening late messages the leaves suffice. */
export interface PastEpoch {
  readonly context: GroupContext;
  readonly senderDataSecret: Uint8Array;
  readonly leaves: readonly PastLeaf[];
  readonly own: EpochRatchets;
}

const ratchetEncoder = contramapBufferEncoders(
  [uint32Encoder, generationSecretEncoder],
  ({ leafIndex, ratchet }: LeafRatchet): [number, GenerationSecret] => [leafIndex, ratchet],
);
const decodeRatchet = mapDecoders([decodeUint32, decodeGenerationSecret], (leafIndex, ratchet): LeafRatchet => ({
  leafIndex,
  ratchet,
}));

export const epochRatchetsEncoder = contramapBufferEncoders(
  [uint64Encoder, varLenTypeEncoder(ratchetEncoder)],
  ({ epoch, ratchets }: EpochRatchets): [bigint, LeafRatchet[]] => [epoch, [...ratchets]],
);
export const decodeEpochRatchets = mapDecoders(
  [decodeUint64, decodeVarLenType(decodeRatchet)],
  (epoch, ratchets): EpochRatchets => ({ epoch, ratchets }),
);

const pastLeafEncoder = contramapBufferEncoders(
  [uint32Encoder, optionalEncoder(leafNodeEncoder)],
  ({ leafIndex, leaf }: PastLeaf): [number, LeafNode | undefined] => [leafIndex, leaf],
);
const decodePastLeaf = mapDecoders([decodeUint32, decodeOptional(decodeLeafNode)], (leafIndex, leaf): PastLeaf => ({
  leafIndex,
  leaf,
}));

export const pastEpochEncoder = contramapBufferEncoders(
  [groupContextEncoder, varLenDataEncoder, varLenTypeEncoder(pastLeafEncoder), epochRatchetsEncoder],
  ({ context, senderDataSecret, leaves, own }: PastEpoch): [GroupContext, Uint8Array, PastLeaf[], EpochRatchets] => [
    context,
    senderDataSecret,
    [...leaves],
    own,
  ],
);
export const decodePastEpoch = mapDecoders(
  [decodeGroupContext, decodeVarLenData, decodeVarLenType(decodePastLeaf), decodeEpochRatchets],
  (context, senderDataSecret, leaves, own): PastEpoch => ({ context, senderDataSecret, leaves, own }),
);

/** The ratchets of an epoch, of the leaves that are not blank. */
export function ratchetsOf({ context, tree, secrets }: Epoch): EpochRatchets {
  const ratchets = leavesOf(tree).flatMap(({ leafIndex }) => {
    const ratchet = secrets[leafIndex * 2]?.application;
    return ratchet === undefined ? [] : [{ leafIndex, ratchet }];
  });
  return { epoch: context.epoch, ratchets };
}

const unused: GenerationSecret = { secret: new Uint8Array(), generation: 0, unusedGenerations: {} };

/** A secret tree with what we use of it. */
export function secretsOf({ ratchets }: EpochRatchets): SecretTree {
  const secrets: SecretTreeNode[] = [];
  for (const { leafIndex, ratchet } of ratchets) secrets[leafIndex * 2] = { handshake: unused, application: ratchet };
  return secrets;
}

/** A past epoch beside the tree of the present one, which has most of its leaves. */
export function pastOf(epoch: Epoch, present: RatchetTree): PastEpoch {
  const leaves = leavesOf(epoch.tree).map(({ leafIndex, leaf }) => ({
    leafIndex,
    leaf: leafAt(present, leafIndex) === leaf ? undefined : leaf,
  }));
  return { context: epoch.context, senderDataSecret: epoch.senderDataSecret, leaves, own: ratchetsOf(epoch) };
}

export function epochOfPast({ context, senderDataSecret, leaves, own }: PastEpoch, present: RatchetTree): Epoch {
  const tree: RatchetTree = [];
  for (const { leafIndex, leaf } of leaves)
    tree[leafIndex * 2] = leaf === undefined ? present[leafIndex * 2] : { nodeType: "leaf", leaf };
  return { context, senderDataSecret, tree, secrets: secretsOf(own) };
}
