/** One end of a link under test: it records what the link reports and lets a test wait for it. */
import type { Link, LinkCallbacks, LinkFactory, LinkOptions, LinkSignal } from "@parley/core";

export class LinkEnd {
  readonly link: Link;
  readonly signals: LinkSignal[] = [];
  readonly messages: Uint8Array[] = [];
  readonly closed: string[] = [];
  opened = 0;
  drained = 0;
  #waiters: (() => void)[] = [];

  /** `also` runs after the recording; what it throws, the link sees. */
  constructor(factory: LinkFactory, options: LinkOptions, also: Partial<LinkCallbacks> = {}) {
    this.link = factory.create(options, {
      onSignal: (signal) => {
        this.#record(this.signals.push(signal));
        also.onSignal?.(signal);
      },
      onOpen: () => {
        this.#record(this.opened++);
        also.onOpen?.();
      },
      onMessage: (bytes) => {
        this.#record(this.messages.push(bytes));
        also.onMessage?.(bytes);
      },
      onDrain: () => {
        this.#record(this.drained++);
        also.onDrain?.();
      },
      onClosed: (reason) => {
        this.#record(this.closed.push(reason));
        also.onClosed?.(reason);
      },
    });
  }

  /** Resolves at the first event after which `holds` is true, or at once. Rejects when the link closes without it. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.closed.length > 0) throw new Error(`the link closed: ${this.closed.join(", ")}`);
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  #record(_event: number): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

/** How signals of one end reach the other. Default of the tests: at once, in order. */
type Carry = (signal: LinkSignal, deliver: (signal: LinkSignal) => void) => void;

const atOnce: Carry = (signal, deliver) => deliver(signal);

export interface LinkPair {
  /** The side that offers. */
  readonly left: LinkEnd;
  readonly right: LinkEnd;
  /** Resolves when both are open; rejects when one closes before. */
  readonly opened: Promise<void>;
}

export interface PairOptions {
  readonly left?: Partial<LinkCallbacks>;
  readonly right?: Partial<LinkCallbacks>;
  readonly carry?: Carry;
}

/** Two ends whose signals reach each other, dialling. */
export function dial(
  factories: { left: LinkFactory; right: LinkFactory },
  options: LinkOptions,
  pair: PairOptions = {},
): LinkPair {
  const carry = pair.carry ?? atOnce;
  const left: LinkEnd = new LinkEnd(factories.left, options, {
    ...pair.left,
    onSignal: (signal) => {
      carry(signal, (carried) => right.link.signal(carried));
      pair.left?.onSignal?.(signal);
    },
  });
  const right: LinkEnd = new LinkEnd(factories.right, options, {
    ...pair.right,
    onSignal: (signal) => {
      carry(signal, (carried) => left.link.signal(carried));
      pair.right?.onSignal?.(signal);
    },
  });
  left.link.offer();
  const opened = Promise.all([left.until(() => left.opened > 0), right.until(() => right.opened > 0)]).then(
    () => undefined,
  );
  // Tests that close early do not wait for it.
  opened.catch(() => {});
  return { left, right, opened };
}
