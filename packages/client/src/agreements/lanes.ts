/** Work of several lanes: in each of them one thing after the other, whatever becomes of the one before. */
export class Lanes {
  readonly #lanes = new Map<string, Promise<unknown>>();

  run<Value>(lane: string, work: () => Promise<Value>): Promise<Value> {
    const before = this.#lanes.get(lane) ?? Promise.resolve();
    const done = before.then(work, work);
    const settled = done
      .catch(() => undefined)
      .then(() => {
        if (this.#lanes.get(lane) === settled) this.#lanes.delete(lane);
      });
    this.#lanes.set(lane, settled);
    return done;
  }
}
