import type { EncodedGroup } from "@parley/core";
import { ParleyError } from "@parley/protocol";
import type { GroupContext, PrivateKeyPath, RatchetTree } from "ts-mls";
import { decodeUint8, uint8Encoder } from "ts-mls/codec/number.js";
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
import { decodePrivateKeyPath, privateKeyPathEncoder } from "ts-mls/privateKeyPath.js";
import { decodeRatchetTree, ratchetTreeEncoder } from "ts-mls/ratchetTree.js";

import {
  decodeEpochRatchets,
  decodePastEpoch,
  epochOfPast,
  type EpochRatchets,
  epochRatchetsEncoder,
  type PastEpoch,
  pastEpochEncoder,
  pastOf,
  ratchetsOf,
  secretsOf,
} from "./epoch-encoding.ts";
import { guardedNow } from "./failure.ts";
import { type EncodedBase, epochNumber, HeldState, type OwnKeys } from "./held-state.ts";

/** Written in front of both parts: another form gets another number. */
const form = 1;

/**
 * What stays for an epoch. The ratchets of the present epoch are not in it, so that they are gone from the disk once they moved on.
 */
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

const encodeBase = encode(
  contramapBufferEncoders(
    [
      uint8Encoder,
      uint8Encoder,
      groupContextEncoder,
      ratchetTreeEncoder,
      keyScheduleEncoder,
      privateKeyPathEncoder,
      varLenDataEncoder,
      varLenDataEncoder,
      varLenTypeEncoder(pastEpochEncoder),
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
  ),
);
const decodeBase = mapDecoders(
  [
    decodeUint8,
    decodeUint8,
    decodeGroupContext,
    decodeRatchetTree,
    decodeKeySchedule,
    decodePrivateKeyPath,
    decodeVarLenData,
    decodeVarLenData,
    decodeVarLenType(decodePastEpoch),
  ],
  (form, active, context, tree, schedule, path, signatureKey, confirmationTag, past) => {
    const keys: OwnKeys = { schedule, path, signatureKey, confirmationTag };
    const base: Base = { active: active === 1, context, tree, keys, past };
    return { form, base };
  },
);

/** The present epoch first, then past ones whose ratchets moved since the base was made. */
const encodeRatchets = encode(
  contramapBufferEncoders(
    [uint8Encoder, varLenTypeEncoder(epochRatchetsEncoder)],
    (epochs: EpochRatchets[]): [number, EpochRatchets[]] => [form, epochs],
  ),
);
const decodeRatchets = mapDecoders([decodeUint8, decodeVarLenType(decodeEpochRatchets)], (form, epochs) => ({
  form,
  epochs,
}));

function baseOf(state: HeldState): EncodedBase {
  const { present, past, keys, active, base } = state;
  const { context, tree } = present;
  base.made ??= {
    bytes: encodeBase({
      active,
      context,
      tree,
      keys,
      past: past.map((each) => pastOf(each, tree)),
    }) as Uint8Array<ArrayBuffer>,
    past,
  };
  return base.made;
}

export function encodeState(state: HeldState): EncodedGroup {
  const base = baseOf(state);
  const moved = state.past.filter((epoch, index) => epoch !== base.past[index]);
  return {
    epoch: epochNumber(state.present.context),
    base: base.bytes,
    ratchets: encodeRatchets([state.present, ...moved].map(ratchetsOf)) as Uint8Array<ArrayBuffer>,
  };
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
  const [own, ...moved] = epochs;
  const { context, tree, keys, active } = base;
  if (own === undefined || baseForm !== form || ratchetsForm !== form || own.epoch !== context.epoch)
    throw new ParleyError("malformed_frame", { message: "The parts of a group's state do not belong together." });
  const past = base.past.map((each) => epochOfPast(each, tree));
  return new HeldState({
    keys,
    present: { context, tree, senderDataSecret: keys.schedule.senderDataSecret, secrets: secretsOf(own) },
    past: past.map((each) => {
      const ratchets = moved.find(({ epoch }) => epoch === each.context.epoch);
      return ratchets === undefined ? each : { ...each, secrets: secretsOf(ratchets) };
    }),
    active,
    base: { made: { bytes: encoded.base.slice(), past } },
  });
}
