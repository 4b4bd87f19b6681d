/** PROPOSAL, ACCEPT, REJECT, COMPLETE, DISPUTE: checked signatures, and notices for those who are away. */
import type { Clock } from "@parley/core";

import { parseAddress } from "./address.ts";
import type { DoorBounds } from "./bounds.ts";
import { isSignedBy } from "./client-key.ts";
import type { ClientMessageOf } from "./client-message.ts";
import type { DoorClient } from "./door-client.ts";
import type { LiveClients } from "./live-clients.ts";
import type { Party, ProposalRecord, Proposals } from "./proposals.ts";
import { Recent } from "./recent.ts";
import { Refusal } from "./refusal.ts";
import { encodeServerMessage, type ServerMessage } from "./server-message.ts";
import { textOfAct } from "./signed-text.ts";

export type ProposalMessage = ClientMessageOf<"PROPOSAL" | "ACCEPT" | "REJECT" | "COMPLETE" | "DISPUTE">;

export interface ProposalActsOptions {
  readonly clock: Clock;
  readonly bounds: DoorBounds;
  readonly live: LiveClients;
  readonly proposals: Proposals;
}

const mostMadeKept = 1000;
const noticeMs = 30 * 86_400_000;

export class ProposalActs {
  readonly #options: ProposalActsOptions;
  /** Encoded messages for those who are away, by id. */
  readonly #notices: Recent<readonly string[]>;

  /** Signatures of offers that came over a connection: it may repeat them. */
  readonly #made = new WeakMap<DoorClient, Set<string>>();

  constructor(options: ProposalActsOptions) {
    this.#options = options;
    this.#notices = new Recent(noticeMs, options.bounds.noticedClients, () => options.clock.monotonic());
  }

  async take(client: DoorClient, message: ProposalMessage): Promise<void> {
    const { key } = client;
    if (key === undefined)
      throw new Refusal("SIGNATURE_REQUIRED", "Proposals need a key: IDENTIFY with a `pubkey`, and sign each act.");
    if (!message.sig) throw new Refusal("SIGNATURE_REQUIRED", `${message.type}: \`sig\` is missing.`);
    if (!isSignedBy(key, textOfAct(message), message.sig))
      throw new Refusal("VERIFICATION_FAILED", `${message.type}: \`sig\` is not this key's signature over the act.`);
    if (message.type === "PROPOSAL") await this.#offer(client, message);
    else await this.#answer(client, message);
  }

  /** Gives somebody who came back what happened meanwhile. */
  deliver(client: DoorClient): void {
    if (!this.#options.live.isTrusted(client)) return;
    for (const text of this.#notices.get(client.id) ?? []) client.sendText(text);
    this.#notices.delete(client.id);
  }

  /** Ends offers past their time and tells both. */
  async beat(): Promise<void> {
    for (const record of await this.#options.proposals.sweep()) {
      const message: ServerMessage = {
        type: "REJECT",
        proposal_id: record.id,
        status: record.status,
        updated_at: record.updated,
        reason: "expired",
        sig: null,
      };
      this.#tell(record.from, message);
      if (record.to.id !== record.from.id) this.#tell(record.to, message);
    }
  }

  async #offer(client: DoorClient, message: ClientMessageOf<"PROPOSAL">): Promise<void> {
    const { live, proposals } = this.#options;
    const address = parseAddress(message.to);
    if (address?.kind === "member")
      throw new Refusal("AGENT_NOT_FOUND", "Proposals go to clients of this door; `to` is `@` and the id of one.");
    const to = address?.kind === "client" ? live.recipient(address.id) : undefined;
    if (to === undefined) throw new Refusal("AGENT_NOT_FOUND", "Nobody is connected with this id.");
    // What is signed has neither time nor number: whoever read an offer could make it again.
    const signature = message.sig ?? "";
    const isOwn = client.standing === "proven" || this.#made.get(client)?.has(signature) === true;
    if (!isOwn && proposals.has(client.key?.hash ?? "", signature))
      throw new Refusal(
        "VERIFICATION_FAILED",
        "This very offer was made before by another connection. Change something in it, or prove the key by answering the CHALLENGE.",
      );
    const record = await proposals.create(message, partyOf(client), partyOf(to));
    this.#noteMade(client, signature);
    const said = encodeServerMessage(offerOf(record), this.#options.clock.now());
    to.sendText(said);
    client.sendText(said);
  }

  async #answer(client: DoorClient, message: Exclude<ProposalMessage, { type: "PROPOSAL" }>): Promise<void> {
    const record = await this.#options.proposals.act(message, partyOf(client));
    const said = answerOf(message.type, record);
    const other = record.from.id === client.id ? record.to : record.from;
    if (other.id !== client.id) this.#tell(other, said);
    client.send(said);
  }

  #noteMade(client: DoorClient, signature: string): void {
    const made = this.#made.get(client);
    if (made === undefined || made.size >= mostMadeKept) this.#made.set(client, new Set([signature]));
    else made.add(signature);
  }

  #tell(party: Party, message: ServerMessage): void {
    const { live, clock, bounds } = this.#options;
    const present = live.recipient(party.id);
    if (present !== undefined) {
      present.send(message);
      return;
    }
    // An id without a key never comes back.
    if (party.key === undefined) return;
    const kept = this.#notices.get(party.id) ?? [];
    const text = encodeServerMessage(message, clock.now());
    this.#notices.set(party.id, [...kept, text].slice(-bounds.noticesPerClient));
  }
}

function partyOf(client: DoorClient): Party {
  return { id: client.id, key: client.key?.hash };
}

function offerOf(record: ProposalRecord): ServerMessage {
  return {
    type: "PROPOSAL",
    id: record.id,
    from: `@${record.from.id}`,
    to: `@${record.to.id}`,
    task: record.task,
    amount: record.amount,
    currency: record.currency,
    payment_code: record.paymentCode,
    terms: record.terms,
    expires: record.expires,
    status: record.status,
    created_at: record.created,
    sig: record.signature,
  };
}

function answerOf(type: "ACCEPT" | "REJECT" | "COMPLETE" | "DISPUTE", record: ProposalRecord): ServerMessage {
  const { act } = record;
  const common = {
    proposal_id: record.id,
    status: record.status,
    updated_at: record.updated,
    sig: act?.signature ?? "",
  };
  const text = act?.text ?? null;
  const by = `@${act?.by ?? ""}`;
  switch (type) {
    case "ACCEPT":
      return { type, ...common, payment_code: text };
    case "REJECT":
      return { type, ...common, reason: text };
    case "COMPLETE":
      return { type, ...common, completed_by: by, completed_at: record.updated, proof: text };
    case "DISPUTE":
      return { type, ...common, disputed_by: by, disputed_at: record.updated, reason: text ?? "" };
  }
}
