/** Verifies everything that shows who a member is, against the operator set. Pure: what was seen before is MeshTrust's. */
import {
  type AgentCard,
  limits,
  type MemberKind,
  type MemberRecord,
  ParleyError,
  type Role,
  type Statement,
  type Scope,
} from "@parley/protocol";

import { idOfKey } from "./keys.ts";
import { effectiveRoles, type OperatorSet, verifyByOperator } from "./operators.ts";
import { verifyStatement } from "./statement.ts";

export interface VerifiedDevice {
  readonly device: string;
  readonly key: string;
  readonly label: string;
  /** When it was first listed, milliseconds since 1970. */
  readonly since: number;
  /** Its X25519 key, to which halves are sealed. Undefined in lists of earlier versions. */
  readonly seal: string | undefined;
}

export interface VerifiedDevices {
  readonly number: number;
  readonly devices: ReadonlyMap<string, VerifiedDevice>;
  readonly encryption: { readonly kid: string; readonly key: string };
  /** When the list was signed, milliseconds since 1970 by the signing device's clock. */
  readonly devicesAt: number;
}

/** A member whose statements all hold. */
export interface VerifiedMember extends VerifiedDevices {
  readonly member: string;
  readonly name: string;
  readonly kind: MemberKind;
  /** Those of its admission, without an operator's where it is none by the operator set. */
  readonly roles: readonly Role[];
  /** What it may call and where it may take part; undefined limits nothing. */
  readonly scope: Scope | undefined;
  /** Current root key. */
  readonly rootKey: string;
  readonly card: AgentCard | undefined;
  /** Delegations that it took back. */
  readonly withdrawn: ReadonlySet<string>;
  /** Member whose name this one took over, by an operator's word. */
  readonly replaces: string | undefined;
  /** Numbers of the statements: none may ever go back. */
  readonly numbers: {
    readonly rotation: number;
    readonly admission: number;
    readonly devices: number;
    readonly card: number;
    readonly withdrawals: number;
  };
  readonly admissionExpires: number;
  readonly record: MemberRecord;
}

/** Follows a member's root key from the first one, whose hash is the member id, through its rotations. */
export async function verifyRootKey(
  mesh: string,
  root: string,
  rotations: readonly string[],
): Promise<{ member: string; key: string }> {
  const member = await idOfKey("member", root);
  let key = root;
  for (const [index, compact] of rotations.entries()) {
    const rotation = await verifyStatement("rotation", compact, key);
    if (rotation.mesh !== mesh || rotation.member !== member || rotation.number !== index + 1) {
      throw new ParleyError("bad_signature", {
        message: "A rotation of a root key does not follow the one before it.",
      });
    }
    key = rotation.key;
  }
  return { member, key };
}

/** Verifies a device list: signed by the member's root key, each device id the hash of its key. */
export async function verifyDevices(
  mesh: string,
  member: string,
  rootKey: string,
  compact: string,
): Promise<VerifiedDevices> {
  const list = await verifyStatement("devices", compact, rootKey);
  if (list.mesh !== mesh) throw new ParleyError("wrong_mesh");
  if (list.member !== member)
    throw new ParleyError("bad_signature", { message: "A device list belongs to another member." });
  const devices = new Map<string, VerifiedDevice>();
  for (const { device, key, label, since, seal } of list.devices) {
    if ((await idOfKey("device", key)) !== device)
      throw new ParleyError("bad_signature", { message: "A device's id is not the hash of its key." });
    devices.set(device, { device, key, label, since, seal });
  }
  const { kid, key } = list.encryption;
  return { number: list.number, devices, encryption: { kid, key }, devicesAt: list.iat };
}

/** Verifies a card: signed by the member's root key. */
export async function verifyCard(
  mesh: string,
  member: string,
  rootKey: string,
  compact: string,
): Promise<{ number: number; card: AgentCard }> {
  const { mesh: cardMesh, member: owner, number, card } = await verifyStatement("card", compact, rootKey);
  if (cardMesh !== mesh) throw new ParleyError("wrong_mesh");
  if (owner !== member) throw new ParleyError("bad_signature", { message: "A card belongs to another member." });
  return { number, card };
}

/** Verifies the list of delegations that a member took back: signed by its root key. */
export async function verifyWithdrawals(
  mesh: string,
  member: string,
  rootKey: string,
  compact: string,
): Promise<Statement<"withdrawals">> {
  const list = await verifyStatement("withdrawals", compact, rootKey);
  if (list.mesh !== mesh) throw new ParleyError("wrong_mesh");
  if (list.member !== member)
    throw new ParleyError("bad_signature", { message: "A list of withdrawals belongs to another member." });
  return list;
}

/** Verifies a whole record. `now` in ms since 1970 judges the admission's life. Throws the first thing that does not hold. */
export async function verifyMember(record: MemberRecord, operators: OperatorSet, now: number): Promise<VerifiedMember> {
  const { mesh } = operators;
  const { member, key: rootKey } = await verifyRootKey(mesh, record.root, record.rotations);
  const admission = await verifyByOperator("admission", record.admission, operators);
  if (admission.member !== member)
    throw new ParleyError("bad_signature", { message: "An admission belongs to another member." });
  if (admission.exp <= now)
    throw new ParleyError("expired", {
      message: `The admission of @${admission.name} has expired; an operator has to renew it.`,
    });
  if (admission.iat > now + limits.clockSkewMs)
    throw new ParleyError("clock_skew", {
      message: "An admission is dated in the future: check this machine's clock.",
    });
  const devices = await verifyDevices(mesh, member, rootKey, record.devices);
  const card = record.card === undefined ? undefined : await verifyCard(mesh, member, rootKey, record.card);
  const withdrawals =
    record.withdrawals === undefined ? undefined : await verifyWithdrawals(mesh, member, rootKey, record.withdrawals);
  return {
    ...devices,
    member,
    name: admission.name,
    kind: admission.kind,
    roles: effectiveRoles(member, admission.roles, operators),
    scope: admission.scope,
    rootKey,
    card: card?.card,
    withdrawn: new Set(withdrawals?.withdrawn.map(({ id }) => id)),
    replaces: admission.replaces,
    numbers: {
      rotation: record.rotations.length,
      admission: admission.number,
      devices: devices.number,
      card: card?.number ?? 0,
      withdrawals: withdrawals?.number ?? 0,
    },
    admissionExpires: admission.exp,
    record,
  };
}
