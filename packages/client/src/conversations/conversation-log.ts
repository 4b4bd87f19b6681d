/** What is said, as this device remembers it: every change goes into the archive, and then out as an event. */
import type { Archive, ArchiveChange, ArchivedMessage } from "@parley/core";
import { contentChange, maxArchiveChanges } from "@parley/core";

import type { Notices } from "../notices.ts";

/** `@<member id>`: the conversation with a member. */
export const directConversation = (member: string): string => `@${member}`;
/** `#<channel id>`: a channel. */
export const channelConversation = (channel: string): string => `#${channel}`;

export interface ConversationLogOptions {
  readonly archive: Archive;
  readonly notices: Pick<Notices, "emit" | "failed">;
  /** Runs at the end of this turn. */
  readonly soon: (run: () => void) => void;
}

interface Entry {
  readonly change: ArchiveChange;
  readonly request: boolean;
  readonly done: PromiseWithResolvers<void>;
}

export class ConversationLog {
  readonly #options: ConversationLogOptions;
  #waiting: Entry[] = [];
  #writing = false;

  constructor(options: ConversationLogOptions) {
    this.#options = options;
  }

  get archive(): Archive {
    return this.#options.archive;
  }

  /** Durable, and told to whoever watches, when resolved. Changes of one turn share a commit. */
  apply(change: ArchiveChange, request = false): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ change, request, done });
    if (!this.#writing) {
      this.#writing = true;
      this.#options.soon(() => void this.#write());
    }
    return done.promise;
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0) {
      const entries = this.#waiting.splice(0, maxArchiveChanges);
      if (await this.#commit(entries)) continue;
      // One of them is not to be had: the others do not go with it.
      for (const entry of entries) await this.#commit([entry]);
    }
    this.#writing = false;
  }

  /** False when several were refused together, each of which may be taken alone. */
  async #commit(entries: readonly Entry[]): Promise<boolean> {
    try {
      await this.#options.archive.apply(entries.map(({ change }) => change));
    } catch (error) {
      const [only] = entries;
      if (entries.length > 1) return false;
      only?.done.reject(error);
      return true;
    }
    for (const { done } of entries) done.resolve();
    await this.#tell(entries);
    return true;
  }

  async #tell(entries: readonly Entry[]): Promise<void> {
    const { notices } = this.#options;
    for (const { change, request } of entries) {
      try {
        if (change.type === "read")
          notices.emit({ type: "read", conversation: change.conversation, upTo: change.upTo });
        const message = await this.#messageOf(change);
        if (message === undefined) continue;
        if (change.type === "message") notices.emit({ type: "message", message, request });
        else notices.emit({ type: "message-changed", message });
      } catch (error) {
        notices.failed(error);
      }
    }
  }

  #messageOf(change: ArchiveChange): Promise<ArchivedMessage | undefined> {
    const { archive } = this.#options;
    switch (change.type) {
      case "message":
        return archive.message(change.message.conversation, change.message.id);
      case "edit":
      case "retract":
      case "reaction":
        return archive.message(change.conversation, change.of);
      case "state":
        return archive.message(change.conversation, change.id);
      case "opened": {
        // Of what was no message of its own, what it changed is told.
        const turned = contentChange(change.content, change.conversation, "", 0);
        return archive.message(change.conversation, turned?.of ?? change.id);
      }
      case "read":
      case "mark":
        return Promise.resolve(undefined);
    }
  }
}
