/** IDENTIFY and VERIFY_IDENTITY: who a connection is, how far that is proven, and who yields to whom. */
import type { Clock, Random, Timer } from "@parley/core";

import type { DoorBounds } from "./bounds.ts";
import type { ClientIds } from "./client-ids.ts";
import { isSignedBy, readClientKey } from "./client-key.ts";
import type { ClientMessageOf } from "./client-message.ts";
import type { DoorClient } from "./door-client.ts";
import type { DoorTokenRecord, DoorTokens } from "./door-tokens.ts";
import type { LiveClients } from "./live-clients.ts";
import type { MemberKeys } from "./member-keys.ts";
import { Rate } from "./rate.ts";
import { Refusal } from "./refusal.ts";
import { textOfProof } from "./signed-text.ts";

export interface IdentificationOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly bounds: DoorBounds;
  readonly live: LiveClients;
  readonly ids: ClientIds;
  readonly tokens: DoorTokens | undefined;
  /** Whose proven key may come in from elsewhere. */
  readonly memberKeys: MemberKeys;
  /** The name in WELCOME. */
  readonly serverName: string;
  /** It has its id now, or has proven it. */
  readonly onIn: (client: DoorClient) => void;
  readonly onOut: (client: DoorClient) => void;
}

/** What somebody who is not let in can do about it. */
export const howToComeIn =
  "From elsewhere than this machine, bring a door token (made by `parley door-token create @name`) in the header `Authorization: Bearer` or in IDENTIFY's `token`, or show a member's key as `pubkey` and answer the CHALLENGE.";

const mostAddresses = 10_000;

export class Identification {
  readonly #options: IdentificationOptions;
  /** Failed door tokens, by address. */
  readonly #failures = new Map<string, Rate>();
  readonly #contests = new Map<DoorClient, Timer>();

  constructor(options: IdentificationOptions) {
    this.#options = options;
  }

  async identify(client: DoorClient, message: ClientMessageOf<"IDENTIFY">): Promise<void> {
    if (client.isIn || client.isPending) throw new Refusal("INVALID_MSG", "This connection has identified itself.");
    const key = message.pubkey ? readClientKey(message.pubkey) : undefined;
    const token = message.token || client.bearer;
    const holder = token === undefined ? undefined : await this.#checkToken(client, token);
    if (!client.isOpen) return;
    if (holder === undefined && key === undefined && !client.isLocal)
      throw new Refusal("AUTH_REQUIRED", `Guests come in from this machine only. ${howToComeIn}`, { closes: true });
    client.name = holder?.name ?? message.name;
    client.token = holder?.id;
    const { ids } = this.#options;
    if (key === undefined) {
      this.#letIn(client, holder === undefined ? ids.byChance() : ids.ofToken(holder.id));
      return;
    }
    client.key = key;
    client.standing = "unproven";
    client.isPending = true;
    const id = ids.ofKey(key);
    if (client.needsMemberKey) this.#challenge(client);
    else if (this.#options.live.holds(id)) this.#contest(client, id);
    else {
      this.#letIn(client, id);
      this.#challenge(client);
    }
  }

  async verify(client: DoorClient, message: ClientMessageOf<"VERIFY_IDENTITY">): Promise<void> {
    const { clock, ids, live } = this.#options;
    const { challenge, key } = client;
    const closes = !client.isIn && client.needsMemberKey;
    if (challenge === undefined || key === undefined)
      throw new Refusal("VERIFICATION_FAILED", "There is no CHALLENGE to answer; IDENTIFY with a `pubkey` brings one.");
    // One answer to one challenge.
    client.challenge = undefined;
    const text = textOfProof(challenge.nonce, challenge.id, message.timestamp);
    const isInTime = challenge.id === message.challenge_id && clock.monotonic() < challenge.expires;
    if (!isInTime || !isSignedBy(key, text, message.signature))
      throw new Refusal(
        "VERIFICATION_FAILED",
        "The signature is not of this key over AGENTCHAT_AUTH|nonce|challenge_id|timestamp, or the challenge is over. Connect again for another one.",
        { closes },
      );
    const id = ids.ofKey(key);
    if (client.needsMemberKey) {
      client.isMember = await this.#options.memberKeys.holds(key);
      if (!client.isOpen) return;
      if (!client.isMember)
        throw new Refusal("AUTH_REQUIRED", `This key is no member's of the mesh. ${howToComeIn}`, { closes: true });
    }
    ids.markProven(key);
    client.standing = "proven";
    if (!client.isIn) this.#claim(client, id, live.holder(id));
    else {
      client.send({ type: "VERIFIED", agent_id: client.atId });
      this.#options.onIn(client);
    }
  }

  /** The connection is gone. */
  forget(client: DoorClient): void {
    this.#contests.get(client)?.cancel();
    this.#contests.delete(client);
  }

  /** Refuses those who take too long. */
  beat(client: DoorClient, now: number): void {
    if (client.isIn || this.#contests.has(client)) return;
    const { identifyMs, proveMs } = this.#options.bounds;
    if (now - client.opened < (client.isPending ? proveMs : identifyMs)) return;
    const message = client.isLocal ? "Nothing came that says who you are." : `Nobody came in. ${howToComeIn}`;
    client.refuse(new Refusal("AUTH_REQUIRED", message, { closes: true }));
  }

  /** Somebody proved the key of an id: whoever only shows it goes; whoever proved it too stays while it is alive. */
  #claim(client: DoorClient, id: string, holder: DoorClient | undefined): void {
    if (holder === undefined) this.#letIn(client, id);
    else if (holder.standing === "proven") this.#contest(client, id);
    else {
      this.#displace(holder);
      this.#letIn(client, id);
    }
  }

  /** The id is taken: its holder is asked for a sign of life, and the newcomer may prove the key meanwhile. */
  #contest(client: DoorClient, id: string): void {
    if (this.#contests.has(client)) return;
    const { clock, bounds, live } = this.#options;
    const asked = clock.monotonic();
    live.holder(id)?.ping(asked);
    if (client.standing !== "proven") this.#challenge(client);
    const timer = clock.setTimer(bounds.contestMs, () => {
      this.#contests.delete(client);
      if (client.isIn || !client.isOpen) return;
      const holder = live.holder(id);
      const mayTake = holder === undefined || holder.standing !== "proven" || client.standing === "proven";
      if (mayTake && holder?.hasSpokenSince(asked) !== true) {
        if (holder !== undefined) this.#displace(holder);
        this.#letIn(client, id);
        return;
      }
      client.isPending = false;
      client.key = undefined;
      client.challenge = undefined;
      client.standing = "keyless";
      const closes = client.needsMemberKey;
      client.refuse(new Refusal("INVALID_MSG", `Identity ${id} is connected already; no takeover.`, { closes }));
    });
    this.#contests.set(client, timer);
  }

  #displace(holder: DoorClient): void {
    this.#options.onOut(holder);
    holder.refuse(
      new Refusal("SESSION_DISPLACED", "Somebody proved to hold the key of this identity.", { closes: true }),
    );
  }

  #letIn(client: DoorClient, id: string): void {
    this.forget(client);
    client.isPending = false;
    this.#options.live.name(client, id);
    client.send({ type: "WELCOME", agent_id: client.atId, server: this.#options.serverName });
    if (client.standing === "proven") client.send({ type: "VERIFIED", agent_id: client.atId });
    this.#options.onIn(client);
  }

  #challenge(client: DoorClient): void {
    const { clock, random, bounds } = this.#options;
    const hex = (count: number): string => Buffer.from(random.bytes(count)).toString("hex");
    client.challenge = {
      id: `chal_${hex(8)}`,
      nonce: hex(16),
      expires: clock.monotonic() + bounds.challengeMs,
    };
    client.send({
      type: "CHALLENGE",
      challenge_id: client.challenge.id,
      nonce: client.challenge.nonce,
      expires_at: clock.now() + bounds.challengeMs,
    });
  }

  async #checkToken(client: DoorClient, token: string): Promise<DoorTokenRecord> {
    const { tokens, clock, bounds } = this.#options;
    const now = clock.monotonic();
    let failures = this.#failures.get(client.address);
    if (failures === undefined) {
      if (this.#failures.size >= mostAddresses) this.#failures.clear();
      failures = new Rate(bounds.tokenFailures / 60, bounds.tokenFailures, now);
      this.#failures.set(client.address, failures);
    }
    if (!failures.has(now))
      throw new Refusal("AUTH_REQUIRED", "Too many wrong door tokens from your address; wait a minute.", {
        closes: true,
      });
    const record = await tokens?.check(token);
    if (record !== undefined) return record;
    failures.take(clock.monotonic());
    throw new Refusal("AUTH_REQUIRED", "This door token is not known, or was revoked; ask for another one.", {
      closes: true,
    });
  }
}
