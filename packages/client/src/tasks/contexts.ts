/** What was said in the contexts of an agent's tasks: bounded, in memory, each member's for itself. */
import { limits, type Message } from "@parley/protocol";

interface Kept {
  readonly message: Message;
  readonly bytes: number;
}

interface Context {
  readonly messages: Kept[];
  bytes: number;
}

/** Of all contexts together. */
const mostBytes = 32 * 1024 * 1024;

export class Contexts {
  readonly #contexts = new Map<string, Context>();
  #bytes = 0;

  /** What was said before, oldest first. */
  of(owner: string, contextId: string): readonly Message[] {
    return this.#contexts.get(keyOf(owner, contextId))?.messages.map(({ message }) => message) ?? [];
  }

  /** Adds what is said, of about so many bytes. What is larger than a whole context is left out. */
  add(owner: string, contextId: string, message: Message, bytes: number): void {
    if (bytes > limits.contextBytes) return;
    const key = keyOf(owner, contextId);
    const context: Context = this.#contexts.get(key) ?? { messages: [], bytes: 0 };
    // The one used last is the last.
    this.#contexts.delete(key);
    this.#contexts.set(key, context);
    context.messages.push({ message, bytes });
    this.#change(context, bytes);
    while (context.messages.length > limits.contextMessages || context.bytes > limits.contextBytes)
      this.#change(context, -(context.messages.shift()?.bytes ?? 0));
    this.#makeRoom();
  }

  #change(context: Context, bytes: number): void {
    context.bytes += bytes;
    this.#bytes += bytes;
  }

  #makeRoom(): void {
    while (this.#contexts.size > limits.contexts || this.#bytes > mostBytes) {
      const [oldest] = this.#contexts;
      if (oldest === undefined) return;
      this.#bytes -= oldest[1].bytes;
      this.#contexts.delete(oldest[0]);
    }
  }
}

const keyOf = (owner: string, contextId: string): string => `${owner}/${contextId}`;
