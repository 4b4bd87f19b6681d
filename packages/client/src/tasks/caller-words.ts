/** What the caller says in the course of a task: an answer to a question, or further messages for a skill that reads them. */
import { limits, type Message, ParleyError } from "@parley/protocol";

export class CallerWords {
  #onAnswer: ((message: Message) => void) | undefined;
  #waiting: Message[] = [];
  #isRead = false;
  #wake: (() => void) | undefined;

  /** Resolves with the caller's next message. One question at a time. */
  ask(): Promise<Message> {
    if (this.#onAnswer !== undefined)
      throw new ParleyError("conflict", { message: "The caller is being asked something already." });
    return new Promise((resolve) => (this.#onAnswer = resolve));
  }

  /** Takes a message of the caller. Throws `unsupported_operation` when nobody wants one, `limit_reached` when too many wait. */
  take(message: Message): void {
    const answered = this.#onAnswer;
    if (answered !== undefined) {
      this.#onAnswer = undefined;
      return answered(message);
    }
    if (!this.#isRead)
      throw new ParleyError("unsupported_operation", { message: "The task asks nothing of its caller now." });
    if (this.#waiting.length >= limits.furtherMessages)
      throw new ParleyError("limit_reached", { message: "The skill has not taken the messages before this one." });
    this.#waiting.push(message);
    this.#wake?.();
  }

  /** Further messages, for one reader, until the signal. From the first reading on the caller may send them. */
  async *read(signal: AbortSignal): AsyncGenerator<Message, void, undefined> {
    this.#isRead = true;
    const stopped = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    while (!signal.aborted) {
      const next = this.#waiting.shift();
      if (next === undefined) await Promise.race([stopped, new Promise<void>((resolve) => (this.#wake = resolve))]);
      else yield next;
    }
  }
}
