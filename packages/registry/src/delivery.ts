import {
  decodeRoutedFrame,
  encodeDelivery,
  type FrameResult,
  ParleyError,
  type RoutedFrame,
  toParleyError,
} from "@parley/protocol";

import { frameRoles } from "./access.ts";
import type { Authority } from "./authority.ts";
import type { Blocks } from "./blocks.ts";
import { type DeviceBoxes, isForDevice } from "./device-boxes.ts";
import type { Directory } from "./directory.ts";
import type { InboxLeases } from "./inbox-leases.ts";
import type { Mailboxes } from "./mailboxes.ts";
import type { Members } from "./members.ts";
import type { SessionTable } from "./session-table.ts";
import type { Session } from "./session.ts";
import { toWireError } from "./wire-error.ts";

export interface DeliveryOptions {
  readonly sessions: SessionTable;
  readonly directory: Directory;
  readonly members: Members;
  readonly mailboxes: Mailboxes;
  readonly deviceBoxes: DeviceBoxes;
  readonly inboxes: Pick<InboxLeases, "holderOf">;
  readonly blocks: Pick<Blocks, "isBlocked">;
  readonly authority: Authority;
  readonly now: () => number;
}

/**
 * Where a routed frame goes: to the connection of its recipient's device at this node, or into the mailbox. Only the
 * header is read. Devices at other nodes would be reached here, and nowhere else, by the Bus.
 */
export class Delivery {
  readonly #options: DeliveryOptions;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /**
   * Carries one frame that a session sent. What the sender is told is the result; throws when the bytes are no frame.
   * `onRelayed` gets the result of one that its recipient's connection has no room for, once it has.
   */
  carry(
    from: Session,
    bytes: Uint8Array,
    onRelayed: (result: FrameResult) => void,
  ): FrameResult | Promise<FrameResult> | undefined {
    const decoded = decodeRoutedFrame(bytes);
    if (!decoded.ok) throw new ParleyError(decoded.code, { message: decoded.message });
    const frame = decoded.value;
    const refusal = this.#refusal(from, frame);
    if (refusal !== undefined) return refused(frame, refusal);
    // What is for one device that is here goes to it as anything else does: no faster than it reads.
    const isHere = isForDevice(frame) && this.#options.sessions.ofDevice(frame.toDevice) !== undefined;
    return frame.store && !isHere ? this.#store(frame, bytes) : this.#relay(from, frame, bytes, onRelayed);
  }

  #refusal(from: Session, frame: RoutedFrame): ParleyError | undefined {
    const { identity } = from;
    if (identity === undefined || frame.fromMember !== identity.member || frame.fromDevice !== identity.device) {
      return new ParleyError("forbidden", { message: "A device sends frames in its own name only." });
    }
    if (!identity.roles.some((role) => frameRoles.includes(role))) return new ParleyError("forbidden");
    if (frame.expires !== 0 && frame.expires <= this.#options.now())
      return new ParleyError("expired", { message: "The frame has expired." });
    if (this.#options.blocks.isBlocked(frame.toMember, identity.member)) return new ParleyError("blocked");
    const { authority } = this.#options;
    const silence = authority.silence(identity);
    if (silence !== undefined) return silence;
    return authority.mayCarry(identity.member, frame.toMember) ? undefined : new ParleyError("denied_by_policy");
  }

  #relay(
    from: Session,
    frame: RoutedFrame,
    bytes: Uint8Array,
    onRelayed: (result: FrameResult) => void,
  ): FrameResult | Promise<FrameResult> | undefined {
    const { sessions } = this.#options;
    const to = frame.toDevice === undefined ? this.#anyDevice(frame.toMember) : sessions.ofDevice(frame.toDevice);
    // A device of another member than the header names is nobody's recipient.
    if (to?.identity?.member !== frame.toMember) return this.#notConnected(frame);
    if (this.#options.authority.isPaused(to.identity)) return refused(frame, new ParleyError("paused"));
    const delivery = encodeDelivery({ mailbox: undefined, frame: bytes });
    if (to !== from && !to.catchUp.hasRoomFor(from, delivery.length))
      return refused(frame, new ParleyError("slow_reader"));
    to.deliver(delivery);
    const relayed: FrameResult = { frame: frame.frameId, state: "relayed" };
    if (to === from || !to.catchUp.isNeeded) return relayed;
    to.catchUp.once(from, (isGone) => onRelayed(isGone ? refused(frame, new ParleyError("not_connected")) : relayed));
    return undefined;
  }

  /** The one that takes an agent's messages, else the one that is connected longest. */
  #anyDevice(member: string): Session | undefined {
    const { sessions, inboxes } = this.#options;
    const holder = inboxes.holderOf(member)?.identity?.device;
    return (holder === undefined ? undefined : sessions.ofDevice(holder)) ?? sessions.ofMember(member)[0];
  }

  async #notConnected(frame: RoutedFrame): Promise<FrameResult> {
    const isKnown = await this.#isKnown(frame.toMember).catch(() => true);
    return refused(frame, new ParleyError(isKnown ? "not_connected" : "unknown_member"));
  }

  async #store(frame: RoutedFrame, bytes: Uint8Array): Promise<FrameResult> {
    const { sessions, mailboxes } = this.#options;
    try {
      if (!(await this.#isKnown(frame.toMember))) throw new ParleyError("unknown_member");
      if (isForDevice(frame)) return await this.#storeForDevice(frame, bytes);
      await mailboxes.append(frame, bytes);
    } catch (error) {
      return refused(frame, toParleyError(error));
    }
    for (const session of sessions.ofMember(frame.toMember)) session.mailboxChanged();
    return { frame: frame.frameId, state: "stored" };
  }

  /** What no other device could open waits for the one that it is for. There are boxes for listed devices only. */
  async #storeForDevice(frame: RoutedFrame & { readonly toDevice: string }, bytes: Uint8Array): Promise<FrameResult> {
    const { directory, deviceBoxes, sessions } = this.#options;
    if (directory.get(frame.toMember)?.devices.includes(frame.toDevice) === false)
      throw new ParleyError("device_removed");
    await deviceBoxes.append(frame, bytes);
    // It may have come meanwhile.
    sessions.ofDevice(frame.toDevice)?.deviceBoxChanged();
    return { frame: frame.frameId, state: "stored" };
  }

  /** The directory may be late: the store has the last word before a member is called unknown. */
  async #isKnown(member: string): Promise<boolean> {
    const { directory, members } = this.#options;
    if (directory.get(member) !== undefined) return true;
    const stored = await members.get(member);
    return stored !== undefined && stored.revoked === undefined && (await members.isAdmitted(member));
  }
}

function refused(frame: RoutedFrame, error: ParleyError): FrameResult {
  return { frame: frame.frameId, state: "refused", error: toWireError(error) };
}
