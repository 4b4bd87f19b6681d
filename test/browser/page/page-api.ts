/** What a test asks of the device in a page: every argument and result is plain data. */
import type { DeliveryState, LinkView, PingResult, SessionState } from "@parley/client";
import type { ErrorCode, Path } from "@parley/protocol";

export interface PageDelegation {
  readonly to?: string;
  readonly skill: string;
  readonly input: unknown;
  readonly paths?: readonly Path[];
}

export interface PageOutcome {
  readonly from: string;
  readonly output: unknown;
  readonly path: Path;
  /** Texts of the progress notes, in order, and the paths that they came by. */
  readonly notes: readonly string[];
  readonly paths: readonly Path[];
}

export interface PageMessage {
  readonly from: string;
  readonly text: string;
  readonly path: Path;
}

export interface PageKeys {
  readonly held: number;
  readonly leaked: number;
}

export interface PageApi {
  /** Makes keys that cannot leave the page and asks to be let in. Returns the words to compare. */
  pair(invite: string, name: string): Promise<string>;
  /** Waits for the operator, then connects. Returns the member id. */
  open(): Promise<string>;
  /** Connects with what an earlier page kept. `device_in_use` while that one lives. Returns the member id. */
  openAgain(): Promise<string>;
  stop(): Promise<void>;
  /** Tries to read every private key; returns how many there are and how many came out. */
  leakKeys(): Promise<PageKeys>;
  delegate(request: PageDelegation): Promise<PageOutcome>;
  /** Publishes a card with the skill `reverse` and serves it. */
  serve(): Promise<void>;
  send(to: string, text: string): Promise<{ readonly state: DeliveryState; readonly path: Path | undefined }>;
  /** Hands a message over; resolves with its id when it is accepted. */
  accept(to: string, text: string): Promise<string>;
  /** Sends a message with a file of so many bytes, each the rest of its place divided by 251. */
  sendFile(to: string, text: string, name: string, bytes: number): Promise<DeliveryState>;
  /** Fetches the attachments of every message so far, as texts. */
  fetchTexts(): Promise<readonly string[]>;
  /** Every message so far, once there are `count`. */
  messages(count: number): Promise<readonly PageMessage[]>;
  /** Texts of the messages so far that an earlier page may have had. */
  redelivered(): Promise<readonly string[]>;
  ping(to: string, paths?: readonly Path[]): Promise<PingResult>;
  connect(to: string): Promise<LinkView>;
  links(): Promise<readonly LinkView[]>;
  /** Whether a member is said to be connected. */
  isLive(who: string): Promise<boolean>;
  /** How many session states there were; for `session`. */
  mark(): Promise<number>;
  /** Waits for the session to be in a state, from the `from`th on. */
  session(state: SessionState, from: number): Promise<void>;
  /** Codes of what this device refused. */
  refusals(): Promise<readonly string[]>;
}

/** An answer of the page: exceptions lose their code on the way out. */
export type PageAnswer<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };
