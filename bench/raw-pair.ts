import { Child } from "./child.ts";
import type { RawCommands, RawSignal } from "./roles/raw-peer.ts";

/** Two processes with bare links between them; this one carries their signals. */
export class RawPair {
  readonly near: Child<RawCommands>;
  readonly far: Child<RawCommands>;
  #links = 0;

  constructor() {
    this.near = Child.start<RawCommands>("raw-peer");
    this.far = Child.start<RawCommands>("raw-peer");
    this.near.onNotice((signal) => void this.far.ask("signal", signal as RawSignal));
    this.far.onNotice((signal) => void this.near.ask("signal", signal as RawSignal));
  }

  /** Opens one more link; resolves when both ends may send. */
  async open(): Promise<void> {
    const link = this.#links++;
    await this.near.ask("offer", link);
    await this.far.ask("opened", link);
  }

  async stop(): Promise<void> {
    await Promise.all([this.near.stop(), this.far.stop()]);
  }
}
