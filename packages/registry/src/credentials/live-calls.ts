import type { DirectoryEntry } from "../directory.ts";
import { type Bearer, mayStandFor } from "./bearer.ts";

interface LiveCall {
  readonly bearer: Bearer;
  /** Breaks the connection off. */
  readonly cut: () => void;
}

/**
 * HTTP requests that run now, by member: a transfer that began before its credential died is broken off, like the session
 * of a member that is revoked.
 */
export class LiveCalls {
  readonly #byMember = new Map<string, Set<LiveCall>>();

  get size(): number {
    let size = 0;
    for (const calls of this.#byMember.values()) size += calls.size;
    return size;
  }

  /** Knows of a call until the returned function is called. */
  add(bearer: Bearer, cut: () => void): () => void {
    const call = { bearer, cut };
    const calls = this.#byMember.get(bearer.member) ?? new Set();
    this.#byMember.set(bearer.member, calls);
    calls.add(call);
    return () => {
      calls.delete(call);
      if (calls.size === 0 && this.#byMember.get(bearer.member) === calls) this.#byMember.delete(bearer.member);
    };
  }

  /** Breaks off every call of a member. */
  end(member: string): void {
    this.#cut(member, () => true);
  }

  /** Breaks off the calls of every member that is out now. */
  endWhere(isOut: (member: Bearer) => boolean): void {
    for (const member of this.#byMember.keys()) this.#cut(member, isOut);
  }

  /** Breaks off the calls by an API key. */
  endKey(member: string, id: string): void {
    this.#cut(member, ({ apiKey }) => apiKey?.id === id);
  }

  /** Breaks off what a member that has changed does not stand behind any more. */
  follow(entry: DirectoryEntry): void {
    this.#cut(entry.member, ({ device }) => !mayStandFor(entry, device));
  }

  #cut(member: string, isOver: (bearer: Bearer) => boolean): void {
    for (const { bearer, cut } of this.#byMember.get(member) ?? []) if (isOver(bearer)) cut();
  }
}
