import type { BlobRef, DeliveryClass, DeliveryState, ErrorCode, Path } from "@parley/protocol";

import type { PathReason } from "./path-reason.ts";

/** Which paths may be used; all by default. `["direct"]` demands a direct link, `["relay", "mailbox"]` forbids links. */
export type AllowedPaths = readonly Path[];

export type { DeliveryState };

/** A fact about one envelope at one time. */
export interface Delivery {
  readonly id: string;
  readonly state: DeliveryState;
  /** Milliseconds since 1970 when the state was reached, by this device's clock. */
  readonly at: number;
  /** Milliseconds from acceptance to this state. */
  readonly tookMs: number;
  readonly path: Path | undefined;
  /** Why it took that path: a code of `pathReasons`. */
  readonly reason: string | undefined;
  /** Device that committed it, when delivered. */
  readonly device: string | undefined;
  readonly error: { readonly code: ErrorCode; readonly message: string } | undefined;
}

/** Something handed to `send`: accepted when the promise of `send` resolves; `settled` says how it ended. */
export interface Sent {
  readonly id: string;
  readonly accepted: Delivery;
  /** The newest fact. */
  readonly state: () => Delivery;
  /**
   * Resolves once a device of the recipient has it, or it ended otherwise; with an `error` and the newest state when this
   * device stops first. Never rejects.
   */
  readonly settled: Promise<Delivery>;
  /** The same for a state of the caller's choice, such as `handled`. A recipient may withhold `read`. */
  readonly reaches: (state: DeliveryState) => Promise<Delivery>;
}

export interface SendOptions {
  /** Default `durable`. */
  readonly class?: DeliveryClass;
  /** Messages under different rules are streams of their own: no order holds between them. */
  readonly paths?: AllowedPaths;
  /** Milliseconds after which it is worth nothing any more. Default: never for durable, 60 s for live. */
  readonly ttlMs?: number;
  /** References from `attach`, at most `limits.attachments`. */
  readonly attachments?: readonly BlobRef[];
  /** Gives up waiting for room in the outbox; what was accepted stays accepted. */
  readonly signal?: AbortSignal;
  /** How many messages or calls of agents led to this one; 0 for what began here. Throws `too_many_hops` above `limits.hops`. */
  readonly hops?: number;
}

/** Who sent something, verified: structure that travels beside the text, never inside it. */
export interface Sender {
  readonly member: string;
  readonly name: string;
  readonly device: string;
  readonly kind: "agent" | "person";
  readonly roles: readonly string[];
  /** How far this member goes with it, by what an operator and this member decided: never by what it says. */
  readonly trust: SenderTrust;
  /** This member compared its words: the key is the one that it should be. */
  readonly verified: boolean;
}

/**
 * `operator` by the operators' word, `contact` when this member accepted it, `member` for everybody else who is let in,
 * `guest` for who is here for a while, `edge` for whoever has no key and comes through an edge.
 */
type SenderTrust = "operator" | "contact" | "member" | "guest" | "edge";

/** A direct message as it is handed to a handler. */
export interface IncomingMessage {
  readonly id: string;
  readonly from: Sender;
  readonly text: string;
  /** What its sender attached, for `fetchAttachment`; their names and types are the sender's word. */
  readonly attachments: readonly BlobRef[];
  /** Milliseconds since 1970 by the sender's clock. */
  readonly created: number;
  readonly path: Path;
  readonly class: DeliveryClass;
  /** It may have been handed out before this process crashed. */
  readonly redelivered: boolean;
  /** How many messages of agents led to this one, by its sender's word. */
  readonly hops: number;
  /** Said by the sender's library, not by its program. */
  readonly notice?: "loop-stopped";
  /** Its sender is a stranger that waits to be accepted. */
  readonly request: boolean;
  /** A secret that the two members share protects it, on top of all else. */
  readonly secret: boolean;
  /** The message that it answers, and the first one of the thread that it is in. */
  readonly answers?: string;
  readonly thread?: string;
}

/** Answer to a ping. */
export interface PingResult {
  readonly path: Path;
  /** Why it took that path. */
  readonly reason?: PathReason | undefined;
  readonly rttMs: number;
  readonly device: string;
  /** Selected candidates, when over a link. */
  readonly route: { readonly local: string; readonly remote: string } | undefined;
}
