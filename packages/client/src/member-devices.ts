/**
 * The devices of a member, as one that holds the root key manages them: it signs every new list. Works through any
 * `DeviceApi`, so also from a process that is attached to the one that holds the device.
 */
import {
  type Clock,
  createEncryptionKey,
  type MeshTrust,
  peekStatement,
  type Random,
  systemClock,
  systemRandom,
  type Timer,
  type VerifiedMember,
} from "@parley/core";
import {
  type DevicePresence,
  type EnrolmentAsk,
  formatInviteLink,
  limits,
  ParleyError,
  type Statement,
  toBase64url,
  toParleyError,
} from "@parley/protocol";

import type { DeviceApi } from "./device-api.ts";
import { deriveEnrolmentKeys, type EnrolmentKeys, sealAnswer, verifyAsk } from "./enrolment-keys.ts";
import type { EnrolmentContent } from "./enrolment.ts";
import { listedDeviceOf, signDeviceList } from "./identity-draft.ts";
import type { Identity } from "./identity.ts";
import { openKeyRing, type RingKey } from "./key-ring.ts";

export interface MemberDevicesOptions {
  readonly device: Pick<DeviceApi, "member" | "device" | "mesh" | "request" | "watch">;
  /** This device's keys as they are now. */
  readonly identity: () => Identity | Promise<Identity>;
  readonly trust: () => MeshTrust | Promise<MeshTrust>;
  /** Origin of the registry, for links. */
  readonly registry: string;
  /** Hears of the own member's newest record before it is worked with. */
  readonly onCurrent?: (verified: VerifiedMember) => Promise<void>;
  /** Default: the platform's. */
  readonly clock?: Clock;
  readonly random?: Random;
}

/** A device of one's own member. */
export interface OwnDevice {
  readonly device: string;
  readonly label: string;
  readonly since: number;
  /** Whether new encryption keys reach it. */
  readonly sealed: boolean;
  /** The device that asks. */
  readonly self: boolean;
  /** The registry's word. Undefined while it is not connected. */
  readonly presence: DevicePresence | undefined;
}

export interface DeviceInviteRequest {
  /** What the new device is called unless it says otherwise. */
  readonly label?: string;
  /** Default ten minutes, at most `limits.enrolmentLifeMs`. */
  readonly lifeMs?: number;
}

/** A link for one new device. It works while somebody waits on `enrolled`. */
export interface DeviceInvite {
  /** Its id at the registry. */
  readonly enrolment: string;
  /** The link, to be opened with `parley pair` in a new home. Whoever has it can become a device of the member. */
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
  /**
   * Waits for the new device, lists it and answers it. Throws `expired`, `canceled` on the signal (which closes the
   * link), or `bad_signature` when what came was not made with the link.
   */
  enrolled(signal?: AbortSignal): Promise<{ readonly device: string; readonly label: string }>;
  /** Closes the link. */
  cancel(): Promise<void>;
}

type DeviceList = Statement<"devices">;

const defaultLinkLifeMs = 600_000;
/** Somebody else who holds the root key may publish at the same moment. */
const mostTries = 4;
/** Room in a sealed answer for what is not the operator chain, in characters. */
const answerPlainCharacters = Math.floor((limits.enrolmentAnswerCharacters * 3) / 4) - 256;

export class MemberDevices {
  readonly #options: MemberDevicesOptions;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: MemberDevicesOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? systemRandom;
  }

  async list(): Promise<readonly OwnDevice[]> {
    const { device: self } = this.#options.device;
    const { list, presence } = await this.#current();
    return list.devices.map(({ device, label, since, seal, half }) => ({
      device,
      label,
      since,
      sealed: seal !== undefined && (half !== undefined || list.devices.length === 1),
      self: device === self,
      presence: presence.find((state) => state.device === device),
    }));
  }

  /** Opens a one-time link. Throws `forbidden` on a device without the root key, `limit_reached` at the bound on devices. */
  async invite(request: DeviceInviteRequest = {}): Promise<DeviceInvite> {
    const { device, registry } = this.#options;
    await this.#identityWithRoot();
    const { list } = await this.#current();
    if (list.devices.length >= limits.devices)
      throw new ParleyError("limit_reached", {
        message: `A member has at most ${limits.devices} devices; remove one with \`parley device remove\`.`,
      });
    const { operators, mesh } = await this.#options.trust();
    const secret = toBase64url(this.#random.bytes(16));
    const keys = await deriveEnrolmentKeys(secret, mesh, device.member);
    const lifeMs = request.lifeMs ?? defaultLinkLifeMs;
    const { expires } = await device.request("device.invite", { enrolment: keys.id, lifeMs });
    const text = formatInviteLink({
      registry,
      payload: {
        v: 1,
        kind: "device",
        secret,
        mesh,
        member: device.member,
        operators: { number: operators.number, hash: operators.hash },
        ...(request.label === undefined ? {} : { label: request.label }),
      },
    });
    const cancel = async (): Promise<void> => {
      await device.request("device.answer", { enrolment: keys.id });
    };
    return { enrolment: keys.id, text, expires, enrolled: (signal) => this.#enrol(keys, expires, signal), cancel };
  }

  /**
   * Takes a device off the list, by its label or id, and makes a new encryption key that it does not get. Throws
   * `not_found`, or `invalid_argument` for a label that several have and for this device itself.
   */
  async remove(who: string): Promise<OwnDevice> {
    const devices = await this.list();
    const matching = devices.filter(({ device, label }) => label === who || device === who || isShort(who, device));
    const [found] = matching;
    if (found === undefined)
      throw new ParleyError("not_found", {
        message: `No device of this member is called ${who.slice(0, 80)}; see \`parley device list\`.`,
      });
    if (matching.length > 1)
      throw new ParleyError("invalid_argument", {
        message: `${matching.length} devices are called ${who.slice(0, 80)}; give the id of one, from \`parley device list\`.`,
      });
    if (found.self)
      throw new ParleyError("invalid_argument", {
        message: "This device holds the member's root key; it cannot take itself off the list.",
      });
    const rest = (list: DeviceList): DeviceList["devices"] =>
      list.devices.filter(({ device }) => device !== found.device);
    await this.#change(rest, () => true);
    return found;
  }

  /** Makes a new encryption key for all devices. */
  async rotate(): Promise<void> {
    await this.#change(
      ({ devices }) => devices,
      () => true,
    );
  }

  /**
   * Does what is due: a week-old encryption key is replaced, and a list in which this device has no sealing key, or whose
   * key this device does not have, is signed anew. Answers in how many milliseconds to look again.
   */
  async maintain(): Promise<number> {
    const { list } = await this.#current();
    const identity = await this.#identityWithRoot();
    const own = list.devices.find(({ device }) => device === identity.device.id);
    const dueIn = (list.encryption.since ?? list.iat) + limits.encryptionKeyLifeMs - this.#clock.now();
    const isDue = dueIn <= 0;
    const hasKey = identity.encryptionKeys.some(({ kid }) => kid === list.encryption.kid);
    const isSealed = own?.seal === identity.sealing?.publicKey;
    if (!isDue && hasKey && isSealed) return dueIn;
    const own_ = listedDeviceOf(identity, own?.since ?? this.#clock.now());
    const others = (before: DeviceList): DeviceList["devices"] =>
      before.devices.filter(({ device }) => device !== own_.device);
    await this.#change(
      (before) => [...others(before), own_],
      () => isDue || !hasKey,
    );
    return limits.encryptionKeyLifeMs;
  }

  async #identityWithRoot(): Promise<Identity> {
    const identity = await this.#options.identity();
    if (identity.root !== undefined) return identity;
    throw new ParleyError("forbidden", {
      message:
        "This device does not hold the member's root key; use the one that does, which lists and removes devices.",
    });
  }

  /** The newest list that the registry has, verified. */
  async #current(): Promise<{
    readonly verified: VerifiedMember;
    readonly list: DeviceList;
    readonly presence: readonly DevicePresence[];
  }> {
    const { device } = this.#options;
    const trust = await this.#options.trust();
    const { record, devices: presence } = await device.request("directory.get", { member: device.member });
    const verified = await trust.acceptMember(record, { member: device.member });
    await this.#options.onCurrent?.(verified);
    return { verified, list: peekStatement("devices", record.devices), presence };
  }

  /** Signs and publishes the next list. Once more when another one came first. */
  async #change(
    devices: (before: DeviceList) => DeviceList["devices"],
    rotates: (before: DeviceList) => boolean,
  ): Promise<VerifiedMember["record"]> {
    const { device } = this.#options;
    for (let tries = 1; ; tries++) {
      const { verified, list } = await this.#current();
      const identity = await this.#identityWithRoot();
      const signed = await signDeviceList(identity, {
        mesh: list.mesh,
        number: Math.max(list.number, peekStatement("devices", identity.devices).number) + 1,
        now: this.#clock.now(),
        devices: devices(list),
        ...(await this.#encryptionFor(identity, list, rotates(list))),
      });
      try {
        await device.request("devices.publish", { devices: signed });
        return { ...verified.record, devices: signed };
      } catch (error) {
        if (toParleyError(error).code !== "stale_statement" || tries === mostTries) throw error;
      }
    }
  }

  /** The present key when it may go on; else a new one, which leaves this process only in sealed halves. Those before it go along. */
  async #encryptionFor(
    identity: Identity,
    list: DeviceList,
    rotate: boolean,
  ): Promise<{ encryption: RingKey; older: readonly RingKey[] }> {
    const { current, older } = await openKeyRing(list, identity, true, () => {});
    if (!rotate && current !== undefined) return { encryption: current, older };
    const fresh = { key: await createEncryptionKey(), since: this.#clock.now() };
    return { encryption: fresh, older: current === undefined ? older : [...older, current] };
  }

  async #enrol(
    keys: EnrolmentKeys,
    expires: number,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly device: string; readonly label: string }> {
    const { device } = this.#options;
    const close = (): void => {
      device.request("device.answer", { enrolment: keys.id }).catch(() => undefined);
    };
    let ask: EnrolmentAsk;
    try {
      ask = await this.#asked(keys, expires, signal);
      await verifyAsk(keys, ask);
    } catch (error) {
      close();
      throw error;
    }
    const { device: id } = await verifyAsk(keys, ask);
    const now = this.#clock.now();
    const { key, seal, label } = ask;
    const record = await this.#change(
      ({ devices }) => [
        ...devices.filter((listed) => listed.device !== id),
        { device: id, key, label, since: now, seal },
      ],
      () => false,
    );
    const answer = await sealAnswer(keys, ask, await this.#content(record), this.#random);
    await device.request("device.answer", { enrolment: keys.id, answer });
    return { device: id, label };
  }

  async #content({ card: _card, ...record }: VerifiedMember["record"]): Promise<EnrolmentContent> {
    const { operators, orders } = await this.#options.trust();
    const content: EnrolmentContent = {
      v: 1,
      record,
      ...(orders.revocations === undefined ? {} : { revocations: orders.revocations }),
    };
    const whole = { ...content, operators: [...operators.chain] };
    return JSON.stringify(whole).length <= answerPlainCharacters ? whole : content;
  }

  /** The request of whoever used the link: pushed, or told when the session comes back. */
  #asked(keys: EnrolmentKeys, expires: number, signal: AbortSignal | undefined): Promise<EnrolmentAsk> {
    const { device } = this.#options;
    return new Promise((resolve, reject) => {
      const ends: (() => void)[] = [];
      const finish = (act: () => void): void => {
        for (const end of ends.splice(0)) end();
        act();
      };
      const onAbort = (): void => finish(() => reject(new ParleyError("canceled")));
      const look = (): void => {
        device.request("device.invite", { enrolment: keys.id }).then(
          ({ request }) => {
            if (request !== undefined) finish(() => resolve(request));
          },
          (error: unknown) => {
            const coded = toParleyError(error);
            if (!coded.retryable) finish(() => reject(coded));
          },
        );
      };
      const timer: Timer = this.#clock.setTimer(Math.max(0, expires - this.#clock.now()), () =>
        finish(() =>
          reject(new ParleyError("expired", { message: "Nobody opened the link in time; open a new one." })),
        ),
      );
      ends.push(
        () => timer.cancel(),
        device.watch((event) => {
          if (event.type === "device-pending" && event.enrolment === keys.id) finish(() => resolve(event.request));
          else if (event.type === "session" && event.state === "connected") look();
        }),
        () => signal?.removeEventListener("abort", onAbort),
      );
      signal?.addEventListener("abort", onAbort, { once: true });
      if (signal?.aborted === true) onAbort();
      else look();
    });
  }
}

/** Eight characters of an id are enough where nobody else's begin with them. */
const isShort = (who: string, device: string): boolean => who.length >= 8 && device.startsWith(who);
