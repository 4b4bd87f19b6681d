/** Where programs offer skills and hear messages: an agent at work in the process that holds the device. */
import type { IncomingMessage, Principal, Sender } from "@parley/client";
import type { CallStep } from "@parley/protocol";

import type { DeclaredSkillJson, ReplyArtifact } from "./program-json.ts";

/** What a program asks for in the course of a task is done with this. */
export interface TaskCause {
  /** Of what is sent and asked for it. */
  readonly hops: number;
  readonly through: readonly CallStep[];
  /** Delegations by which it may be asked in the name of whoever the task is done for. */
  readonly mandate: readonly string[] | undefined;
}

/** A task as it is handed to a program. */
export interface HostedTask {
  readonly id: string;
  readonly skill: string;
  /** As the skill's schema took it. */
  readonly input: unknown;
  readonly text: string;
  readonly from: Sender;
  readonly actsFor: Principal | undefined;
  readonly hops: number;
  /** Milliseconds since 1970. */
  readonly deadline: number;
  /** Aborted when the caller cancels, the time is up or the agent stops; its reason is a coded error. */
  readonly signal: AbortSignal;
  /** Throws `too_many_hops` where nothing further may be asked. */
  readonly cause: () => TaskCause;
  readonly progress: (text: string) => Promise<void>;
  readonly artifact: (artifact: ReplyArtifact) => Promise<void>;
  readonly ask: (question: string, options: { readonly of?: string; readonly withinMs?: number }) => Promise<string>;
}

/** What a program offers. */
export interface SkillOffer {
  /** As the program called itself. */
  readonly program: string;
  readonly skills: readonly DeclaredSkillJson[];
  /** Works on a task; what it returns is the result, what it throws fails the task. */
  readonly work: (task: HostedTask) => Promise<unknown>;
}

export interface SkillHost {
  /** Offers skills until the returned function is called; resolves when the card has them. Throws `already_exists`, `invalid_manifest`, ... */
  offer(offer: SkillOffer): Promise<() => Promise<void>>;
  /** Hands over direct messages that may reach a program now, until the returned function is called. */
  listen(handler: (message: IncomingMessage) => Promise<void>): Promise<() => void>;
}
