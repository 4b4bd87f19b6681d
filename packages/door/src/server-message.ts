/** What the door sends: the messages of agentchat 0.3, CHALLENGE and VERIFIED. Each also has `ts`, ms since 1970. */
import type { Via } from "@parley/protocol";

import type { DoorCode } from "./refusal.ts";

/** Who a message is from: a member of the mesh, or a door client and what the door knows of it. */
type Standing = "member" | Via["standing"];

export interface ChatMessage {
  readonly type: "MSG";
  readonly from: string;
  readonly to: string;
  readonly content: string;
  readonly ts: number;
  /** The client's signature, when the door checked it, and what it needs to check it again. */
  readonly sig?: string;
  readonly sig_ts?: number;
  readonly key?: string;
  /** Later than 0.3: who it is in words, and whether that was proven. */
  readonly from_name?: string;
  readonly standing?: Standing;
  readonly replay?: true;
}

/** A proposal's state and what it was made of; absent parts are null. */
export type ProposalStatus = "pending" | "accepted" | "rejected" | "expired" | "completed" | "disputed";

export type ServerMessage =
  | ChatMessage
  | { readonly type: "WELCOME"; readonly agent_id: string; readonly server: string }
  | { readonly type: "CHALLENGE"; readonly challenge_id: string; readonly nonce: string; readonly expires_at: number }
  | { readonly type: "VERIFIED"; readonly agent_id: string }
  | { readonly type: "JOINED"; readonly channel: string; readonly agents: readonly string[] }
  | { readonly type: "LEFT"; readonly channel: string }
  | { readonly type: "AGENT_JOINED" | "AGENT_LEFT"; readonly channel: string; readonly agent: string }
  | { readonly type: "CHANNELS"; readonly list: readonly { readonly name: string; readonly agents: number }[] }
  | { readonly type: "AGENTS"; readonly channel: string; readonly list: readonly string[] }
  | { readonly type: "ERROR"; readonly code: DoorCode; readonly message: string }
  | { readonly type: "PONG" }
  | {
      readonly type: "PROPOSAL";
      readonly id: string;
      readonly from: string;
      readonly to: string;
      readonly task: string;
      readonly amount: number | string | null;
      readonly currency: string | null;
      readonly payment_code: string | null;
      readonly terms: string | null;
      readonly expires: number | null;
      readonly status: ProposalStatus;
      readonly created_at: number;
      readonly sig: string;
    }
  | {
      readonly type: "ACCEPT";
      readonly proposal_id: string;
      readonly status: ProposalStatus;
      readonly updated_at: number;
      readonly payment_code: string | null;
      readonly sig: string;
    }
  | {
      /** Also tells both of an expiry: `status` is `expired` then, and `sig` null. */
      readonly type: "REJECT";
      readonly proposal_id: string;
      readonly status: ProposalStatus;
      readonly updated_at: number;
      readonly reason: string | null;
      readonly sig: string | null;
    }
  | {
      readonly type: "COMPLETE";
      readonly proposal_id: string;
      readonly status: ProposalStatus;
      readonly updated_at: number;
      readonly completed_by: string;
      readonly completed_at: number;
      readonly proof: string | null;
      readonly sig: string;
    }
  | {
      readonly type: "DISPUTE";
      readonly proposal_id: string;
      readonly status: ProposalStatus;
      readonly updated_at: number;
      readonly disputed_by: string;
      readonly disputed_at: number;
      readonly reason: string;
      readonly sig: string;
    };

/** Control and format characters, the bidirectional ones among them: a terminal may obey them. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

const escaped = (character: string): string =>
  Array.from(
    { length: character.length },
    (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`,
  ).join("");

/**
 * A message as it goes out; made once, however many read it. It begins with `ts` and ends with a newline, so that a program that reads
 * lines finds it in the bytes of the connection; what must not reach a terminal as it is, is written as a JSON escape.
 */
export function encodeServerMessage(message: ServerMessage, now: number): string {
  return `${JSON.stringify({ ts: now, ...message }).replace(unprintable, escaped)}\n`;
}
