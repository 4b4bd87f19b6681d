/** Who is writing at the moment: said and heard live, never kept. */
import { type Clock, splitBody, type Timer } from "@parley/core";
import { decodeJson, envelopeKinds, typingSchema } from "@parley/protocol";

import { bodyOf, textOf } from "../body.ts";
import type { Directory } from "../directory.ts";
import type { Notices } from "../notices.ts";
import type { Peers } from "../peers.ts";
import type { LiveEnvelope } from "../section-handler.ts";
import type { Contacts } from "./contacts.ts";
import { directConversation } from "./conversation-log.ts";

export interface TypingNoticesOptions {
  readonly clock: Clock;
  readonly contacts: Contacts;
  readonly directory: Directory;
  readonly peers: Peers;
  readonly notices: Pick<Notices, "emit">;
}

/** Said again while somebody goes on, so that a lost word of its end does not last. */
const sayAgainMs = 4000;
/** Who said nothing for this long has stopped. */
const overMs = 8000;
/** Writers that are remembered at once. */
const mostWriters = 256;
const mostCharacters = 64;

export class TypingNotices {
  readonly #options: TypingNoticesOptions;
  readonly #said = new Map<string, number>();
  readonly #writers = new Map<string, Timer>();

  constructor(options: TypingNoticesOptions) {
    this.#options = options;
  }

  /** Tells a member that this one writes, or stopped: those of its devices that can be reached now, and nobody who waits to be accepted. */
  say(member: string, writes: boolean): void {
    const { clock, contacts, directory, peers } = this.#options;
    const view = directory.known(member);
    if (view === undefined || contacts.of(member)?.standing !== "accepted") return;
    const now = clock.monotonic();
    const before = this.#said.get(member);
    if (writes ? before !== undefined && now - before < sayAgainMs : before === undefined) return;
    if (this.#said.size >= mostWriters) this.#said.clear();
    if (writes) this.#said.set(member, now);
    else this.#said.delete(member);
    const head = {
      kind: envelopeKinds.typing,
      critical: false,
      created: clock.now(),
      ttl: overMs,
      hops: 0,
      trace: undefined,
      origin: undefined,
    };
    for (const peer of peers.takers(view))
      if (peer.connected || peer.link !== undefined) peer.pushLive(splitBody(head, bodyOf({ writes })), undefined);
  }

  /** Somebody's word, as it came. */
  onEnvelope({ peer, body }: LiveEnvelope): void {
    const notice = decodeJson(typingSchema, textOf(body), mostCharacters);
    if (!notice.ok || !this.#options.contacts.isWelcome(peer.sender.member)) return;
    const { member, name } = peer.sender;
    if (notice.value.writes) this.#writes(member, name);
    else this.#stops(member, name);
  }

  #writes(member: string, name: string): void {
    const before = this.#writers.get(member);
    if (before === undefined && this.#writers.size >= mostWriters) return;
    before?.cancel();
    this.#writers.set(
      member,
      this.#options.clock.setTimer(overMs, () => this.#stops(member, name)),
    );
    if (before === undefined) this.#tell(member, name, true);
  }

  #stops(member: string, name: string): void {
    const timer = this.#writers.get(member);
    if (timer === undefined) return;
    timer.cancel();
    this.#writers.delete(member);
    this.#tell(member, name, false);
  }

  #tell(member: string, name: string, writes: boolean): void {
    this.#options.notices.emit({ type: "typing", conversation: directConversation(member), member, name, writes });
  }

  stop(): void {
    for (const timer of this.#writers.values()) timer.cancel();
  }
}
