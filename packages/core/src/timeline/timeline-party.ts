/**
 * What shows offline whose devices signed a timeline: a member's root keys, an admission, and the device lists that were in force when
 * it acted. A record as the directory has it would not do: it forgets devices that went.
 */
import { compactSchema, id32Schema, limits, type MemberRecord, ParleyError, type Statement } from "@parley/protocol";
import { z } from "zod";

import { idOfKey } from "../trust/keys.ts";
import { type OperatorSet, verifyByOperator } from "../trust/operators.ts";
import { peekStatement, verifyStatement } from "../trust/statement.ts";

export const timelinePartySchema = z.strictObject({
  /** First root key: the member id is its hash. */
  root: id32Schema,
  rotations: z.array(compactSchema).max(limits.rotations),
  admission: compactSchema,
  devices: z.array(compactSchema).min(1).max(limits.timelineDeviceLists),
});
export type TimelineParty = z.infer<typeof timelinePartySchema>;

export interface VerifiedParty {
  readonly member: string;
  readonly name: string;
  /** Public keys by the device's id. */
  readonly devices: ReadonlyMap<string, string>;
}

/** Of a record what a timeline needs. `earlier` is what was kept of the member before: lists of devices that signed something. */
export function partyOf(record: MemberRecord, earlier?: TimelineParty): TimelineParty {
  const lists = new Set([...(earlier?.devices ?? []), record.devices]);
  const { root, rotations, admission } = record;
  return { root, rotations: [...rotations], admission, devices: [...lists].slice(-limits.timelineDeviceLists) };
}

/** The same without the device lists that no one of these devices needs. */
export function withDevices(party: TimelineParty, devices: ReadonlySet<string>): TimelineParty {
  const missing = new Set(devices);
  const needed = party.devices.filter((compact) => {
    const listed = peekStatement("devices", compact).devices.filter(({ device }) => missing.delete(device));
    return listed.length > 0;
  });
  return { ...party, devices: needed.length === 0 ? party.devices.slice(-1) : needed };
}

/** Verifies a party against the operator sets that there were, the newest first. Throws the first thing that does not hold. */
export async function verifyParty(party: TimelineParty, sets: readonly OperatorSet[]): Promise<VerifiedParty> {
  const mesh = sets[0]?.mesh ?? "";
  const member = await idOfKey("member", party.root);
  const keys = await rootKeysOf(mesh, member, party);
  const admission = await admissionOf(party.admission, sets);
  if (admission.member !== member)
    throw new ParleyError("bad_signature", { message: "An admission belongs to another member." });
  const devices = new Map<string, string>();
  for (const compact of party.devices) {
    const list = await firstThatHolds(keys, (key) => verifyStatement("devices", compact, key));
    if (list.mesh !== mesh || list.member !== member)
      throw new ParleyError("bad_signature", { message: "A device list belongs to another member." });
    for (const { device, key } of list.devices) {
      if ((await idOfKey("device", key)) !== device)
        throw new ParleyError("bad_signature", { message: "A device's id is not the hash of its key." });
      devices.set(device, key);
    }
  }
  return { member, name: admission.name, devices };
}

/** Every root key that the member had, the newest first: a list is under the one of its time. */
async function rootKeysOf(mesh: string, member: string, { root, rotations }: TimelineParty): Promise<string[]> {
  const keys = [root];
  for (const [index, compact] of rotations.entries()) {
    const rotation = await verifyStatement("rotation", compact, keys[0] ?? root);
    if (rotation.mesh !== mesh || rotation.member !== member || rotation.number !== index + 1)
      throw new ParleyError("bad_signature", {
        message: "A rotation of a root key does not follow the one before it.",
      });
    keys.unshift(rotation.key);
  }
  return keys;
}

/** Whoever let the member in may be an operator no more. */
const admissionOf = (compact: string, sets: readonly OperatorSet[]): Promise<Statement<"admission">> =>
  firstThatHolds(sets, (set) => verifyByOperator("admission", compact, set));

async function firstThatHolds<Item, Value>(
  items: readonly Item[],
  check: (item: Item) => Promise<Value>,
): Promise<Value> {
  let refusal: unknown = new ParleyError("bad_signature");
  for (const item of items) {
    try {
      return await check(item);
    } catch (error) {
      refusal = error;
    }
  }
  throw refusal;
}
