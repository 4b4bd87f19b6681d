/** The texts that agentchat's clients sign, byte for byte. Ambiguous as they are: a door checks them, it does not build on them. */
import type { ClientMessageOf } from "./client-message.ts";

/** Of a MSG; its `ts` is the client's clock. */
export function textOfMessage(to: string, content: string, ts: number): string {
  return JSON.stringify({ to, content, ts });
}

/** What answers a CHALLENGE, as agentchat does since 0.23. */
export function textOfProof(nonce: string, challengeId: string, timestamp: number): string {
  return `AGENTCHAT_AUTH|${nonce}|${challengeId}|${timestamp}`;
}

const part = (value: string | number | null | undefined): string => String(value || "");

/** Of an act about a proposal. */
export function textOfAct(act: ClientMessageOf<"PROPOSAL" | "ACCEPT" | "REJECT" | "COMPLETE" | "DISPUTE">): string {
  switch (act.type) {
    case "PROPOSAL":
      return [act.to, act.task, part(act.amount), part(act.currency), part(act.payment_code), part(act.expires)].join(
        "|",
      );
    case "ACCEPT":
      return `ACCEPT|${act.proposal_id}|${part(act.payment_code)}`;
    case "REJECT":
      return `REJECT|${act.proposal_id}|${part(act.reason)}`;
    case "COMPLETE":
      return `COMPLETE|${act.proposal_id}|${part(act.proof)}`;
    case "DISPUTE":
      return `DISPUTE|${act.proposal_id}|${act.reason}`;
  }
}
