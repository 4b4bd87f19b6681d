/** Frames as they arrive, through the registry or by a link: each is counted and handed on with what is known of its way. */
import { ParleyError, type Path, toParleyError } from "@parley/protocol";

import type { Directory } from "./directory.ts";
import type { Gate } from "./gate.ts";
import type { MemberView } from "./member-view.ts";
import type { Notices } from "./notices.ts";
import type { Peer } from "./peer.ts";
import type { Peers } from "./peers.ts";
import type { RelayedFrame } from "./relay.ts";
import type { SectionHandler } from "./section-handler.ts";
import type { Session } from "./session.ts";
import type { SleepWatch } from "./sleep-watch.ts";
import type { Traffic } from "./traffic.ts";

export interface ArrivalsOptions {
  readonly session: Session;
  readonly directory: Directory;
  readonly peers: Peers;
  readonly sections: SectionHandler;
  readonly sleep: SleepWatch;
  readonly traffic: Traffic;
  readonly notices: Notices;
  readonly gate: Gate;
}

export class Arrivals {
  readonly #options: ArrivalsOptions;
  #closed = false;

  constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  /** What comes through the registry from here on is another start's: memory of what was taken goes now. */
  close(): void {
    this.#closed = true;
  }

  /** The verified record of a frame's sender; asked anew when it does not list the device. */
  async senderOf(member: string, device: string): Promise<MemberView["verified"]> {
    const { directory, peers } = this.#options;
    const known = directory.known(member);
    if (known?.verified.devices.has(device) === true && peers.existing(device)?.boot !== undefined)
      return known.verified;
    const view = await directory.get(member);
    if (view.verified.devices.has(device)) peers.peer(view.verified, device);
    peers.onPresence(view);
    directory.watch(member);
    return view.verified;
  }

  /** An opened frame. Resolves when what is durable in it is on disk. */
  onRelayed(frame: RelayedFrame): Promise<void> | void {
    if (this.#closed) throw new ParleyError("closed");
    const { peers, traffic, sections, gate } = this.#options;
    const peer = peers.peer(frame.sender, frame.device);
    // What the registry stored it took while it was allowed.
    const refusal = frame.mailbox === undefined ? gate.refusalOf(peer.member) : undefined;
    if (refusal !== undefined) throw refusal;
    const path = this.#wasStored(frame) ? "mailbox" : "relay";
    traffic.received(path, frame.frame.length);
    return sections.frame(peer, frame.frame, {
      path,
      redelivered: frame.mailbox?.redelivered === true,
      fromMailbox: frame.mailbox !== undefined,
    });
  }

  onLinkFrame(peer: Peer, bytes: Uint8Array, path: Path): void {
    const { sleep, traffic, sections, notices, gate, peers } = this.#options;
    if (sleep.look()) return;
    const refusal = gate.refusalOf(peer.member);
    if (refusal !== undefined) {
      notices.refused(refusal, peer.member.name);
      return peers.links.refuse(peer);
    }
    traffic.received(path, bytes.length);
    try {
      const kept = sections.frame(peer, bytes, { path, redelivered: false, fromMailbox: false });
      kept?.catch((error: unknown) => {
        // The sender was told, and goes another way.
        if (toParleyError(error).code !== "not_holder") notices.refused(error, peer.member.name);
      });
    } catch (error) {
      notices.refused(error, peer.member.name);
    }
  }

  /** What was stored before this session began waited for it; what came later only passed through. */
  #wasStored({ mailbox }: RelayedFrame): boolean {
    return mailbox !== undefined && mailbox.offset <= (this.#options.session.welcome?.mailbox.last ?? 0);
  }
}
