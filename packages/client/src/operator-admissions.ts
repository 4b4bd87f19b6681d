/** Admissions as an operator signs them: for those who wait, and anew for members that are in. */
import { type Clock, idOfKey, type MeshTrust, signStatement, verifyByOperator } from "@parley/core";
import {
  foldName,
  isParleyError,
  type MemberKind,
  type MemberRecord,
  ParleyError,
  parseName,
  type Role,
  type Scope,
  type Statement,
} from "@parley/protocol";

import type { DeviceApi } from "./device-api.ts";
import { type OperatorOptions, requestOfMany } from "./operator-acts.ts";
import { openRoot } from "./operator-root.ts";
import { statementLifeMs } from "./pairing.ts";

/** What changes of a member's admission; the rest stays. */
export interface AdmissionChange {
  readonly roles?: readonly Role[];
  /** Undefined keeps the scope; `null` takes every limit away. */
  readonly scope?: Scope | null;
  readonly name?: string;
  /** From now on. Without it the end stays. */
  readonly lifeMs?: number;
}

/** An admission as it stands now. */
export interface AdmissionView {
  readonly member: string;
  readonly name: string;
  readonly kind: MemberKind;
  readonly roles: readonly Role[];
  readonly scope: Scope | undefined;
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

const viewOf = ({ member, name, kind, roles, scope, number, exp }: Statement<"admission">): AdmissionView => ({
  member,
  name,
  kind,
  roles,
  scope,
  number,
  expires: exp,
});

/** The statements of a member as the registry has them, also where its admission has ended. */
async function statementsOf(device: DeviceApi, who: string): Promise<MemberRecord> {
  const name = parseName(who);
  // Every id could be a name that is too long.
  const { record } = await device.request("admission.get", name === undefined ? { member: who } : { name });
  return record;
}

/** The newest admission of a member, verified; not an older one than was seen before. Throws `stale_statement`, `bad_signature`, ... */
async function admissionOf(record: MemberRecord, who: string, trust: MeshTrust): Promise<Signed> {
  const admission = await verifyByOperator("admission", record.admission, trust.operators);
  const name = parseName(who);
  const isOther = name === undefined ? admission.member !== who : foldName(admission.name) !== foldName(name);
  if (isOther || (await idOfKey("member", record.root)) !== admission.member) throw new ParleyError("name_mismatch");
  if (admission.number < trust.admissionNumber(admission.member))
    throw new ParleyError("stale_statement", {
      message: `The registry showed an older admission of @${admission.name} than this device has seen.`,
    });
  return admission;
}

/** Signs and publishes the next admission of a member that is in. */
export async function changeAdmission(
  options: OperatorOptions,
  clock: Clock,
  who: string,
  change: AdmissionChange,
): Promise<AdmissionView> {
  const trust = await options.trust();
  const record = await statementsOf(options.device, who);
  const before = await admissionOf(record, who, trust);
  const now = clock.now();
  if (change.lifeMs === undefined && before.exp <= now)
    throw new ParleyError("expired", {
      message: `The admission of @${before.name} has ended; run \`parley member renew @${before.name}\`.`,
    });
  const next = nextOf(before, change, now);
  await publishNext(options, clock, next);
  return viewOf(next);
}

type Signed = Statement<"admission"> & { readonly signer: string };

function nextOf(before: Signed, change: AdmissionChange, now: number): Statement<"admission"> {
  // Whoever signs it now stands for it: a grant of before has nothing more to say.
  const { grant: _grant, signer: _signer, scope: scopeBefore, ...rest } = before;
  const scope = change.scope === undefined ? scopeBefore : (change.scope ?? undefined);
  return {
    ...rest,
    ...(change.roles === undefined ? {} : { roles: [...change.roles] }),
    ...(change.name === undefined ? {} : { name: change.name }),
    ...(scope === undefined ? {} : { scope }),
    number: before.number + 1,
    iat: now,
    exp: change.lifeMs === undefined ? before.exp : now + change.lifeMs,
  };
}

async function publishNext(options: OperatorOptions, clock: Clock, next: Statement<"admission">): Promise<void> {
  const admission = await signStatement("admission", next, await openRoot(options.root));
  await requestOfMany(options.device, clock, "admission.publish", { admission });
}

/** Says again, in this operator's name, what another one said of a member. `roles` where they change with that. */
export async function signAgain(
  options: OperatorOptions,
  clock: Clock,
  record: MemberRecord,
  roles?: readonly Role[],
): Promise<void> {
  const trust = await options.trust();
  const before = await verifyByOperator("admission", record.admission, trust.operators);
  await publishNext(options, clock, nextOf(before, roles === undefined ? {} : { roles }, clock.now()));
}

export interface NewAdmission {
  readonly member: string;
  readonly name: string;
  readonly kind: MemberKind;
  readonly roles: readonly Role[];
  readonly scope?: Scope | undefined;
  readonly replaces?: string | undefined;
  readonly lifeMs?: number | undefined;
}

/** Signs the first admission of a member, or the next where it has one. */
export async function signAdmission(options: OperatorOptions, clock: Clock, wanted: NewAdmission): Promise<string> {
  const { member, name, kind, roles, scope, replaces, lifeMs = statementLifeMs } = wanted;
  const trust = await options.trust();
  const now = clock.now();
  const statement = {
    mesh: trust.mesh,
    member,
    name,
    kind,
    roles: [...roles],
    number: Math.max(trust.admissionNumber(member), await numberOf(options.device, member)) + 1,
    iat: now,
    exp: now + lifeMs,
    ...(scope === undefined ? {} : { scope }),
    ...(replaces === undefined ? {} : { replaces }),
  };
  return signStatement("admission", statement, await openRoot(options.root));
}

/** Number of the admission that a member has; 0 when it has none. */
async function numberOf(device: DeviceApi, member: string): Promise<number> {
  try {
    return (await device.memberOf(member)).verified.numbers.admission;
  } catch (error) {
    if (isParleyError(error) && (error.code === "unknown_member" || error.code === "not_found")) return 0;
    throw error;
  }
}
