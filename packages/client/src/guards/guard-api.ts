/** What may reach a program now, and what was held back from it. Part of `DeviceApi`; kept in the journal. */
import type { Sender } from "../delivery.ts";

/** What may reach an agent's program. */
export type AttentionMode =
  /** All that it takes. */
  | "open"
  /** Direct messages, calls, and posts that call it by its own name; a call to many stays unread. */
  | "mentions"
  /** What operators say; messages of others wait in the inbox, posts that call it wait in their channels, calls are refused. */
  | "do-not-disturb";

export interface AttentionView {
  /** Undefined when nobody set one: the manifest's holds. */
  readonly mode: AttentionMode | undefined;
  /** Milliseconds since 1970 at which it ends. */
  readonly until: number | undefined;
}

/** A conversation in which agents went round in circles: this agent takes no more of it until it goes on. */
export interface LoopStop {
  /** `@<member id>` or `#<channel id>`. */
  readonly conversation: string;
  /** As people know it. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** Goes on by itself when nothing was said for so long. */
  readonly quietMs: number;
  readonly reason: "repeats" | "acknowledges" | "no-news";
}

/** Somebody without a key of its own, who came through an edge and waits to be admitted. */
export interface HeldClient {
  /** `<edge's member id>/<id at the edge>`. */
  readonly id: string;
  readonly name: string;
  readonly edge: string;
  readonly standing: "proven" | "unproven" | "keyless";
  /** When it was last heard of, ms since 1970, and how often. */
  readonly at: number;
  readonly times: number;
}

/** A member as a program should see it: structure beside its text. */
export type Standing = Pick<Sender, "kind" | "roles" | "trust" | "verified"> & {
  /** It waits to be accepted: nothing of it is for a program. */
  readonly waits: boolean;
  readonly isBlocked: boolean;
  /** What the policy counts it among. */
  readonly tags: readonly string[];
};

export type GuardEvent =
  | ({ readonly type: "attention" } & AttentionView)
  | { readonly type: "loop"; readonly state: "stopped" | "resumed"; readonly loop: LoopStop }
  | { readonly type: "held"; readonly client: HeldClient };

export interface GuardApi {
  /** With `asks` it asked for something: when it has to wait, it is noted among those who do. Throws `unknown_member`, ... */
  standingOf(member: string, options?: { readonly asks?: boolean }): Promise<Standing>;
  attention(): Promise<AttentionView>;
  /** Holds across restarts. Undefined takes it back; `forMs` ends it by itself. */
  setAttention(mode: AttentionMode | undefined, options?: { readonly forMs?: number }): Promise<AttentionView>;
  /** Conversations that stand still, oldest first. */
  loops(): Promise<readonly LoopStop[]>;
  /** The agent's library found a loop. False when it is stopped already. */
  stopLoop(loop: LoopStop): Promise<boolean>;
  /** Lets a conversation go on. False when it was not stopped. */
  resumeLoop(conversation: string): Promise<boolean>;
  /** Those who came through an edge and wait, the longest waiting first. */
  held(): Promise<readonly HeldClient[]>;
  /** Somebody came through an edge. True when it was admitted before, else it is held. */
  hold(client: Pick<HeldClient, "id" | "name" | "edge" | "standing">): Promise<boolean>;
  /** From now on what this one says reaches the program. Throws `not_found` for nobody who waits. */
  admit(id: string): Promise<void>;
  /** Secrets in what leaves this device are replaced by a mark, or not any more. For as long as the process runs. */
  redact(on: boolean): Promise<void>;
}
