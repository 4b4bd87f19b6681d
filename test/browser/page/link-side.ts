import type { LinkFactory, LinkRoute, LinkSignal } from "@parley/core";

import { LinkEnd } from "../../../packages/testkit/src/compliance/link-end.ts";

export const maxMessageBytes = 256 * 1024;
const floodMessageBytes = 64 * 1024;

/** Length, first and last byte. */
export type MessageFacts = readonly [number, number, number];

/** One side of a link between a page and Node; the same code is on both. All that goes in and out is plain data. */
export class LinkSide {
  readonly #end: LinkEnd;
  #drained: (() => void)[] = [];

  constructor(factory: LinkFactory, onSignal: (signal: LinkSignal) => void) {
    const onDrain = (): void => {
      for (const wake of this.#drained.splice(0)) wake();
    };
    this.#end = new LinkEnd(factory, { iceServers: [], maxMessageBytes }, { onSignal, onDrain });
  }

  offer(): void {
    this.#end.link.offer();
  }

  signal(signal: LinkSignal): void {
    this.#end.link.signal(signal);
  }

  /** Waits until the link is open. */
  async opened(): Promise<{ readonly route: LinkRoute | undefined; readonly binding: readonly unknown[] }> {
    await this.#end.until(() => this.#end.opened > 0);
    const { binding } = this.#end.link;
    return { route: await this.#end.link.route(), binding: [binding?.local, binding?.remote] };
  }

  /** Sends a message of each size, filled with its number. */
  send(sizes: readonly number[]): void {
    for (const [index, size] of sizes.entries()) this.#end.link.send(new Uint8Array(size).fill(index));
  }

  /** Waits for so many messages. */
  async received(count: number): Promise<readonly MessageFacts[]> {
    await this.#end.until(() => this.#end.messages.length >= count);
    return this.#end.messages.map((bytes): MessageFacts => [bytes.length, bytes[0] ?? -1, bytes.at(-1) ?? -1]);
  }

  /** Sends numbered messages of 64 KiB as fast as the link takes them. Returns how often it asked for a pause. */
  async flood(count: number): Promise<number> {
    let pauses = 0;
    const message = new Uint8Array(floodMessageBytes);
    for (let number = 0; number < count; number++) {
      new DataView(message.buffer).setUint32(0, number);
      if (this.#end.link.send(message)) continue;
      pauses++;
      await new Promise<void>((resolve) => this.#drained.push(resolve));
    }
    return pauses;
  }

  /** Waits for a flood behind `skip` other messages; whether it came whole and in order. */
  async flooded(skip: number, count: number): Promise<boolean> {
    await this.#end.until(() => this.#end.messages.length >= skip + count);
    return this.#end.messages
      .slice(skip)
      .every(
        (bytes, number) =>
          bytes.length === floodMessageBytes && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) === number,
      );
  }

  close(): void {
    this.#end.link.close();
  }

  /** Waits for the end; the reasons told. */
  async closed(): Promise<readonly string[]> {
    await this.#end.until(() => this.#end.closed.length > 0);
    return this.#end.closed;
  }
}
