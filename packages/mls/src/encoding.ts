import type { EncodedGroup } from "@parley/core";
import { ParleyError } from "@parley/protocol";
import type {
  GenerationSecret,
  GroupContext,
  LeafNode,
  PrivateKeyPath,
  RatchetTree,
  SecretTree,
  SecretTreeNode,
} from "ts-mls";
import {
  decodeUint8,
  decodeUint32,
  decodeUint64,
  uint8Encoder,
  uint32Encoder,
  uint64Encoder,
} from "ts-mls/codec/number.js";
import { decodeOptional, optionalEncoder } from "ts-mls/codec/optional.js";
import { type Decoder, mapDecoders } from "ts-mls/codec/tlsDecoder.js";
import { contramapBufferEncoders, encode } from "ts-mls/codec/tlsEncoder.js";
import {
  decodeVarLenData,
  decodeVarLenType,
  varLenDataEncoder,
  varLenTypeEncoder,
} from "ts-mls/codec/variableLength.js";
import { decodeGroupContext, groupContextEncoder } from "ts-mls/groupContext.js";
import { decodeKeySchedule, type KeySchedule, keyScheduleEncoder } from "ts-mls/keySchedule.js";
import { decodeLeafNode, leafNodeEncoder } from "ts-mls/leafNode.js";
import { decodePrivateKeyPath, privateKeyPathEncoder } from "ts-mls/privateKeyPath.js";
import { decodeRatchetTree, ratchetTreeEncoder } from "ts-mls/ratchetTree.js";
import { decodeGenerationSecret, generationSecretEncoder } from "ts-mls/secretTree.js";

import { guardedNow } from "./failure.ts";
import { type Epoch, epochNumber, HeldState, type OwnKeys } from "./held-state.ts";
import { leafAt, leavesOf } from "./tree.ts";

/** Written in front of both parts: another form gets another number. */
const form = 1;

/** The application ratchet of a leaf. Ratchets of parents and of handshakes are never used: our commits are public messages. */
interface LeafRatchet {
  readonly leafIndex: number;
  readonly ratchet: GenerationSecret;
}

/** A leaf of a past epoch; undefined when it is still the one of the present tree. */
interface PastLeaf {
  readonly leafIndex: number;
  readonly leaf: LeafNode | undefined;
}

interface PastEpoch {
  readonly context: GroupContext;
  readonly senderDataSecret: Uint8Array;
  readonly leaves: readonly PastLeaf[];
}

interface Base {
  readonly active: boolean;
  readonly context: GroupContext;
  readonly tree: RatchetTree;
  readonly keys: OwnKeys;
  readonly past: readonly PastEpoch[];
}

type BaseFields = [
  form: number,
  active: number,
  context: GroupContext,
  tree: RatchetTree,
  schedule: KeySchedule,
  path: PrivateKeyPath,
  signatureKey: Uint8Array,
  confirmationTag: Uint8Array,
  past: PastEpoch[],
];

interface EpochRatchets {
  readonly epoch: bigint;
  readonly ratchets: readonly LeafRatchet[];
}

const pastLeafEncoder = contramapBufferEncoders(
  [uint32Encoder, optionalEncoder(leafNodeEncoder)],
  ({ leafIndex, leaf }: PastLeaf): [number, LeafNode | undefined] => [leafIndex, leaf],
);
const pastEncoder = contramapBufferEncoders(
  [groupContextEncoder, varLenDataEncoder, varLenTypeEncoder(pastLeafEncoder)],
  ({ context, senderDataSecret, leaves }: PastEpoch): [GroupContext, Uint8Array, PastLeaf[]] => [
    context,
    senderDataSecret,
    [...leaves],
  ],
);
const baseEncoder = contramapBufferEncoders(
  [
    uint8Encoder,
    uint8Encoder,
    groupContextEncoder,
    ratchetTreeEncoder,
    keyScheduleEncoder,
    privateKeyPathEncoder,
    varLenDataEncoder,
    varLenDataEncoder,
    varLenTypeEncoder(pastEncoder),
  ],
  ({ active, context, tree, keys, past }: Base): BaseFields => [
    form,
    active ? 1 : 0,
    context,
    tree,
    keys.schedule,
    keys.path,
    keys.signatureKey,
    keys.confirmationTag,
    [...past],
  ],
);
const ratchetEncoder = contramapBufferEncoders(
  [uint32Encoder, generationSecretEncoder],
  ({ leafIndex, ratchet }: LeafRatchet): [number, GenerationSecret] => [leafIndex, ratchet],
);
const epochRatchetsEncoder = contramapBufferEncoders(
  [uint64Encoder, varLenTypeEncoder(ratchetEncoder)],
  ({ epoch, ratchets }: EpochRatchets): [bigint, LeafRatchet[]] => [epoch, [...ratchets]],
);
const encodeBase = encode(baseEncoder);
const encodeRatchets = encode(
  contramapBufferEncoders(
    [uint8Encoder, varLenTypeEncoder(epochRatchetsEncoder)],
    (epochs: EpochRatchets[]): [number, EpochRatchets[]] => [form, epochs],
  ),
);

const decodePast = mapDecoders(
  [
    decodeGroupContext,
    decodeVarLenData,
    decodeVarLenType(
      mapDecoders([decodeUint32, decodeOptional(decodeLeafNode)], (leafIndex, leaf): PastLeaf => ({ leafIndex, leaf })),
    ),
  ],
  (context, senderDataSecret, leaves): PastEpoch => ({ context, senderDataSecret, leaves }),
);
const decodeBase: Decoder<{ readonly form: number; readonly base: Base }> = mapDecoders(
  [
    decodeUint8,
    decodeUint8,
    decodeGroupContext,
    decodeRatchetTree,
    decodeKeySchedule,
    decodePrivateKeyPath,
    decodeVarLenData,
    decodeVarLenData,
    decodeVarLenType(decodePast),
  ],
  (form, active, context, tree, schedule, path, signatureKey, confirmationTag, past) => {
    const keys = { schedule, path, signatureKey, confirmationTag };
    return { form, base: { active: active === 1, context, tree, keys, past } };
  },
);
const decodeRatchets = mapDecoders(
  [
    decodeUint8,
    decodeVarLenType(
      mapDecoders(
        [
          decodeUint64,
          decodeVarLenType(
            mapDecoders([decodeUint32, decodeGenerationSecret], (leafIndex, ratchet): LeafRatchet => ({
              leafIndex,
              ratchet,
            })),
          ),
        ],
        (epoch, ratchets): EpochRatchets => ({ epoch, ratchets }),
      ),
    ),
  ],
  (form, epochs) => ({ form, epochs }),
);

function pastOf({ context, senderDataSecret, tree }: Epoch, present: RatchetTree): PastEpoch {
  const leaves = leavesOf(tree).map(({ leafIndex, leaf }) => ({
    leafIndex,
    leaf: leafAt(present, leafIndex) === leaf ? undefined : leaf,
  }));
  return { context, senderDataSecret, leaves };
}

function ratchetsOf({ context, tree, secrets }: Epoch): EpochRatchets {
  const ratchets = leavesOf(tree).flatMap(({ leafIndex }) => {
    const ratchet = secrets[leafIndex * 2]?.application;
    return ratchet === undefined ? [] : [{ leafIndex, ratchet }];
  });
  return { epoch: context.epoch, ratchets };
}

export function encodeState(state: HeldState): EncodedGroup {
  const { present, past, keys, active, base } = state;
  base.bytes ??= encodeBase({
    active,
    context: present.context,
    tree: present.tree,
    keys,
    past: past.map((each) => pastOf(each, present.tree)),
  }) as Uint8Array<ArrayBuffer>;
  const ratchets = encodeRatchets([present, ...past].map(ratchetsOf)) as Uint8Array<ArrayBuffer>;
  return { epoch: epochNumber(present.context), base: base.bytes, ratchets };
}

const unused: GenerationSecret = { secret: new Uint8Array(), generation: 0, unusedGenerations: {} };

function secretsOf(ratchets: readonly LeafRatchet[]): SecretTree {
  const secrets: SecretTreeNode[] = [];
  for (const { leafIndex, ratchet } of ratchets) secrets[leafIndex * 2] = { handshake: unused, application: ratchet };
  return secrets;
}

function treeOf(leaves: readonly PastLeaf[], present: RatchetTree): RatchetTree {
  const tree: RatchetTree = [];
  for (const { leafIndex, leaf } of leaves) {
    const node = leaf === undefined ? present[leafIndex * 2] : { nodeType: "leaf" as const, leaf };
    tree[leafIndex * 2] = node;
  }
  return tree;
}

function whole<Value>(decoder: Decoder<Value>, bytes: Uint8Array): Value {
  const decoded = guardedNow("malformed_frame", () => decoder(bytes.slice(), 0));
  if (decoded === undefined || decoded[1] !== bytes.length)
    throw new ParleyError("malformed_frame", { message: "A group's state cannot be read." });
  return decoded[0];
}

export function decodeState(encoded: Pick<EncodedGroup, "base" | "ratchets">): HeldState {
  const { form: baseForm, base } = whole(decodeBase, encoded.base);
  const { form: ratchetsForm, epochs } = whole(decodeRatchets, encoded.ratchets);
  const [first, ...others] = epochs;
  const belong =
    baseForm === form &&
    ratchetsForm === form &&
    first?.epoch === base.context.epoch &&
    others.length === base.past.length &&
    others.every(({ epoch }, index) => epoch === base.past[index]?.context.epoch);
  if (first === undefined || !belong)
    throw new ParleyError("malformed_frame", { message: "The parts of a group's state do not belong together." });
  return new HeldState({
    keys: base.keys,
    present: {
      context: base.context,
      tree: base.tree,
      senderDataSecret: base.keys.schedule.senderDataSecret,
      secrets: secretsOf(first.ratchets),
    },
    past: base.past.map(({ context, senderDataSecret, leaves }, index) => ({
      context,
      senderDataSecret,
      tree: treeOf(leaves, base.tree),
      secrets: secretsOf(others[index]?.ratchets ?? []),
    })),
    active: base.active,
    base: { bytes: encoded.base.slice() },
  });
}
