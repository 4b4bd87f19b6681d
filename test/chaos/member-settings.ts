/** What a member's process is started with. */
export interface MemberSettings {
  readonly kind: "agent" | "person";
  readonly home: string;
  /** The member's first device, which holds the root key. */
  readonly isFirst: boolean;
  /** File to which its evidence is appended. */
  readonly evidence: string;
  readonly life: number;
  readonly seed: number;
  readonly linkPolicy: "all" | "relay";
  /** Names of the members to which it sends, and of those that take tasks. */
  readonly peers: readonly string[];
  readonly agents: readonly string[];
  /** Names of all members by their ids. */
  readonly names: Readonly<Record<string, string>>;
  /** Durable messages a second. */
  readonly rate: number;
}

/** What a member's process is told. `restart` is an orderly end in mid-load, `stop` the end of the run. */
export type MemberCommand = "load" | "quiet" | "restart" | "stop";

/** What it tells once a second. Outbox and inbox count only while it is quiet. */
export interface MemberReport {
  accepted: number;
  handled: number;
  redelivered: number;
  outbox: number;
  inbox: number;
}

/** The one skill of the run. */
export const echoSkill = "echo";
