import type { IncomingMessage } from "@parley/client";
import { ParleyError } from "@parley/protocol";

import type { HostedTask, SkillHost, SkillOffer } from "../src/skill-host.ts";
import { messageOf } from "./fake-device.ts";

/** An agent at work that does what a test tells it, and remembers what was offered to it. */
export class FakeHost implements SkillHost {
  readonly offers: SkillOffer[] = [];
  readonly said: unknown[] = [];
  readonly #handlers = new Set<(message: IncomingMessage) => Promise<void>>();

  async offer(offer: SkillOffer): Promise<() => Promise<void>> {
    const ids = offer.skills.map(({ id }) => id);
    if (this.skills.some((id) => ids.includes(id))) throw new ParleyError("already_exists");
    this.offers.push(offer);
    return async () => void this.offers.splice(this.offers.indexOf(offer), 1);
  }

  async listen(handler: (message: IncomingMessage) => Promise<void>): Promise<() => void> {
    this.#handlers.add(handler);
    return () => void this.#handlers.delete(handler);
  }

  get skills(): readonly string[] {
    return this.offers.flatMap(({ skills }) => skills.map(({ id }) => id));
  }

  get listeners(): number {
    return this.#handlers.size;
  }

  /** To whoever listened last. */
  async receive(message: IncomingMessage): Promise<void> {
    await [...this.#handlers].at(-1)?.(message);
  }

  /** Somebody asks for a skill; resolves with what the program said. */
  ask(skill: string, change: Partial<HostedTask> = {}): Promise<unknown> {
    const offer = this.offers.find(({ skills }) => skills.some(({ id }) => id === skill));
    if (offer === undefined) throw new Error(`nobody offers ${skill}`);
    return offer.work({
      id: "t1",
      skill,
      input: { a: 1 },
      text: "",
      from: messageOf("").from,
      actsFor: undefined,
      hops: 0,
      deadline: Date.now() + 60_000,
      signal: new AbortController().signal,
      cause: () => ({ hops: 1, through: [{ member: "m", skill }], mandate: undefined }),
      progress: async (text) => void this.said.push({ progress: text }),
      artifact: async (artifact) => void this.said.push({ artifact }),
      ask: async (question) => `answer to ${question}`,
      ...change,
    });
  }
}
