/** How a new device of a member gets in: by a link that another device of the member gave out. No operator is asked. */
import {
  Backoff,
  createEncryptionKey,
  createSigner,
  type EncryptionKey,
  peekStatement,
  type Signer,
  systemClock,
  systemRandom,
  type VerifiedMember,
} from "@parley/core";
import {
  compactSchema,
  type EnrolmentAsk,
  id32Schema,
  type InviteLink,
  isParleyError,
  limits,
  memberRecordSchema,
  operatorChainSchema,
  ParleyError,
} from "@parley/protocol";
import { z } from "zod";

import { deriveEnrolmentKeys, type EnrolmentKeys, openAnswer, proveAsk } from "./enrolment-keys.ts";
import { openKeyRing } from "./key-ring.ts";
import { type JoinedMesh, longPollSeconds, type PairingOptions, pinMesh, waitSlackMs } from "./pairing.ts";
import { pause } from "./pause.ts";
import { callRoute } from "./registry-http.ts";

/** What the inviting device tells the new one: all that shows who the member is. */
const enrolmentContentSchema = z.strictObject({
  v: z.literal(1),
  record: memberRecordSchema.omit({ card: true }),
  /** Left out when it would not fit: the registry serves it, and the link pins it. */
  operators: operatorChainSchema.optional(),
  revocations: compactSchema.optional(),
});
export type EnrolmentContent = z.infer<typeof enrolmentContentSchema>;

export interface EnrolOptions extends PairingOptions {
  /** What the new device is called in lists. */
  readonly label: string;
  /** Whether the private keys can be written to a file. Default true. */
  readonly extractable?: boolean;
}

interface NewDevice {
  readonly device: Signer;
  readonly sealing: EncryptionKey;
  readonly label: string;
  readonly extractable: boolean;
}

type DevicePayload = Extract<InviteLink["payload"], { kind: "device" }>;

/**
 * Becomes one more device of the member that a link names. The answer brings everything but a root key, and the member's
 * encryption key comes out of the half that the signed list holds for this device. Throws `expired`, `invalid_link`,
 * `rejected`, `bad_signature` when somebody between the two changed something, `canceled` on the signal.
 */
export async function enrolDevice(link: InviteLink, options: EnrolOptions): Promise<JoinedMesh> {
  const { registry, payload } = link;
  if (payload.kind !== "device")
    throw new ParleyError("invalid_link", { message: "This link invites a new member, not a device." });
  const { clock = systemClock, extractable = true } = options;
  const keys = await deriveEnrolmentKeys(payload.secret, payload.mesh, payload.member);
  const trust = await pinMesh({ registry, secret: payload.secret, expected: payload }, options);
  const [device, sealing] = await Promise.all([
    createSigner("device", { extractable }),
    createEncryptionKey({ extractable }),
  ]);
  const own: NewDevice = { device, sealing, label: options.label, extractable };
  const ask = await proveAsk(keys, {
    key: device.publicKey,
    seal: sealing.publicKey,
    label: own.label,
    iat: clock.now(),
  });
  await callRoute(registry, "enrol", { body: { enrolment: keys.id, request: ask } }, options);
  const sealed = await awaitAnswer(registry, keys, options);
  const content = enrolmentContentSchema.safeParse(await openAnswer(keys, ask, sealed));
  if (!content.success)
    throw new ParleyError("bad_signature", {
      message: "The answer of the inviting device is not of the documented form.",
    });
  const { record, operators, revocations } = content.data;
  if (operators !== undefined) await trust.acceptOperators(operators);
  if (revocations !== undefined) await trust.acceptOrder("revocations", revocations);
  const verified = await trust.acceptMember(memberRecordSchema.parse(record), { member: payload.member });
  const identity = await identityOf(verified, payload, own, ask);
  return { registry, trust, identity, admission: record.admission, roles: verified.roles };
}

async function identityOf(
  verified: VerifiedMember,
  payload: DevicePayload,
  own: NewDevice,
  ask: EnrolmentAsk,
): Promise<JoinedMesh["identity"]> {
  const { member, name, kind, record } = verified;
  const list = peekStatement("devices", record.devices);
  const listed = list.devices.find(({ device }) => device === own.device.id);
  if (listed?.key !== ask.key || listed.seal !== ask.seal)
    throw new ParleyError("bad_signature", { message: "The member's device list does not name this device." });
  const holder = { member, device: own.device, sealing: own.sealing, encryptionKeys: [] };
  const { current, older } = await openKeyRing(list, holder, own.extractable, () => {});
  if (current === undefined)
    throw new ParleyError("cannot_open", { message: "The encryption key in the list is not sealed to this device." });
  return {
    member,
    name,
    kind,
    root: undefined,
    rootKey: id32Schema.parse(record.root),
    rotations: record.rotations,
    device: own.device,
    sealing: own.sealing,
    label: listed.label,
    encryptionKeys: [...older, current].map(({ key }) => key),
    devices: record.devices,
  };
}

/** Waits for the inviting device, also through an outage of the registry. */
async function awaitAnswer(registry: string, keys: EnrolmentKeys, options: EnrolOptions): Promise<string> {
  const { clock = systemClock, random = systemRandom, signal } = options;
  const backoff = new Backoff(random, { firstMs: 500 });
  const giveUp = clock.monotonic() + limits.enrolmentLifeMs * 2;
  const call = { parameters: { enrolment: keys.id }, query: { wait: String(longPollSeconds) } };
  const timeoutMs = longPollSeconds * 1000 + waitSlackMs;
  while (clock.monotonic() < giveUp) {
    if (signal?.aborted === true) throw new ParleyError("canceled");
    try {
      const { state, answer } = (await callRoute(registry, "enrolment", call, { ...options, timeoutMs })).body;
      if (state === "answered" && answer !== undefined) return answer;
      if (state === "refused")
        throw new ParleyError("rejected", {
          message: "The inviting device did not accept this one; ask for a new link.",
        });
      if (state === "expired") break;
      backoff.reset();
    } catch (error) {
      if (!isParleyError(error) || !error.retryable) throw error;
      await pause(clock, backoff.next(), signal);
    }
  }
  throw new ParleyError("expired", {
    message: "The inviting device did not answer in time; ask for a new link and keep its command running.",
  });
}
