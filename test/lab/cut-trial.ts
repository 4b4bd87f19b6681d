/** A busy direct link is cut by firewall rules, and mended: how long nothing gets through, and whether going back shows. */

import { systemClock } from "@parley/core";
import type { Path } from "@parley/protocol";
import type { AttachedDevice } from "@parley/sidecar";

import type { Host, Internet } from "./internet.ts";
import type { LabMesh } from "./lab-mesh.ts";

export interface CutResult {
  /** From the cut to the first message that was sent after it and handled; undefined when none was. */
  readonly throughMs: number | undefined;
  /** Path of that message. */
  readonly throughPath: Path | undefined;
  /** From the end of the cut to the first message by `direct`; undefined when it did not come to that. */
  readonly backMs: number | undefined;
  /** Longest time between two messages handled, from the end of the cut until well after the return. */
  readonly gapMs: number;
  readonly sent: number;
  readonly handled: number;
  /** Messages that were refused, came out of order, or twice without being flagged. */
  readonly wrong: number;
}

/** A message on its way out is handled within this, also when the machine is busy. */
const everyMs = 20;
const linkWaitMs = 6000;
const steadyMs = 1000;
const cutMs = 5000;
const backWaitMs = 30_000;
const drainMs = 10_000;
/** The local socket takes 64 requests at once. */
const mostUnderWay = 40;

interface Handled {
  readonly number: number;
  readonly at: number;
  readonly path: Path;
}

export async function tryCut(mesh: LabMesh, internet: Internet, from: Host, to: Host): Promise<CutResult> {
  const command = await mesh.startDevice(from);
  try {
    const [sender, receiver] = [await mesh.attach(from), await mesh.attach(to)];
    const traffic = new Traffic(sender, receiver, to.name);
    try {
      return await new CutTrial(internet, traffic, from, to).run();
    } finally {
      await traffic.stop();
      await internet.mend(from, to);
      await Promise.all([sender.stop(), receiver.stop()]);
    }
  } finally {
    await command.interrupt();
  }
}

/** Numbered messages at an even pace, and when each was handled. */
class Traffic {
  readonly handled: Handled[] = [];
  readonly sentAt: number[] = [];
  wrong = 0;
  readonly #sender: AttachedDevice;
  readonly #to: string;
  readonly #timer: NodeJS.Timeout;
  readonly #leave: () => void;
  #underWay = 0;
  #isSending = false;
  #onHandled = Promise.withResolvers<void>();

  constructor(sender: AttachedDevice, receiver: AttachedDevice, to: string) {
    this.#sender = sender;
    this.#to = to;
    this.#leave = receiver.onMessage(({ text, path, redelivered }) => this.#take(Number(text), path, redelivered));
    this.#timer = setInterval(() => void this.#send().catch(() => this.wrong++), everyMs);
  }

  /** The first handled message that fits; waits for it. Undefined after `waitMs`. */
  async first(fits: (message: Handled) => boolean, waitMs: number): Promise<Handled | undefined> {
    const deadline = performance.now() + waitMs;
    for (;;) {
      const found = this.handled.find(fits);
      if (found !== undefined || performance.now() > deadline) return found;
      const late = Promise.withResolvers<void>();
      const timer = systemClock.setTimer(deadline - performance.now(), late.resolve);
      await Promise.race([this.#onHandled.promise, late.promise]);
      timer.cancel();
    }
  }

  /** Stops sending and waits until all that was accepted is handled. */
  async drain(): Promise<void> {
    clearInterval(this.#timer);
    await this.first(({ number }) => number === this.sentAt.length - 1, drainMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#leave();
  }

  /** One after the other is accepted, so that their order is known. */
  async #send(): Promise<void> {
    if (this.#isSending || this.#underWay >= mostUnderWay) return;
    this.#isSending = true;
    this.#underWay++;
    const number = this.sentAt.push(performance.now()) - 1;
    try {
      const { settled } = await this.#sender.send(`@${this.#to}`, String(number));
      void settled.finally(() => this.#underWay--);
    } finally {
      this.#isSending = false;
    }
  }

  #take(number: number, path: Path, redelivered: boolean): void {
    const expected = (this.handled.at(-1)?.number ?? -1) + 1;
    if (number !== expected && !redelivered) this.wrong++;
    this.handled.push({ number, path, at: performance.now() });
    this.#onHandled.resolve();
    this.#onHandled = Promise.withResolvers();
  }
}

class CutTrial {
  readonly #internet: Internet;
  readonly #traffic: Traffic;
  readonly #ends: readonly [Host, Host];

  constructor(internet: Internet, traffic: Traffic, from: Host, to: Host) {
    this.#internet = internet;
    this.#traffic = traffic;
    this.#ends = [from, to];
  }

  async run(): Promise<CutResult> {
    const traffic = this.#traffic;
    if ((await traffic.first(({ path }) => path === "direct", linkWaitMs)) === undefined)
      throw new Error("There was no direct link to cut.");
    await lasting(steadyMs);
    await this.#internet.cut(...this.#ends);
    const cutAt = performance.now();
    const isNew = ({ number }: Handled): boolean => (traffic.sentAt[number] ?? 0) >= cutAt;
    const through = await traffic.first(isNew, linkWaitMs);
    await lasting(cutAt + cutMs - performance.now());
    await this.#internet.mend(...this.#ends);
    const mendedAt = performance.now();
    const back = await traffic.first(({ at, path }) => at >= mendedAt && path === "direct", backWaitMs);
    await lasting(steadyMs);
    const until = performance.now();
    await traffic.drain();
    return {
      throughMs: through === undefined ? undefined : through.at - cutAt,
      throughPath: through?.path,
      backMs: back === undefined ? undefined : back.at - mendedAt,
      gapMs: longestGap([mendedAt, ...traffic.handled.map(({ at }) => at).filter((at) => at > mendedAt && at < until)]),
      sent: traffic.sentAt.length,
      handled: new Set(traffic.handled.map(({ number }) => number)).size,
      wrong: traffic.wrong,
    };
  }
}

const longestGap = (times: readonly number[]): number =>
  times.reduce((longest, at, index) => Math.max(longest, at - (times[index - 1] ?? at)), 0);

/** The trial itself takes its time: so long is the link busy, or cut. */
function lasting(ms: number): Promise<void> {
  return new Promise((resolve) => void systemClock.setTimer(ms, resolve));
}
