/** What has to be undone, last thing first. */
type Ending = () => unknown;

export class Endings {
  readonly #steps: Ending[] = [];

  add(step: Ending): void {
    this.#steps.push(step);
  }

  /** Each step runs even when one before it failed; throws what failed first. Steps run once. */
  readonly run = async (): Promise<void> => {
    const results: PromiseSettledResult<unknown>[] = [];
    for (const step of this.#steps.splice(0).reverse())
      results.push(...(await Promise.allSettled([(async () => step())()])));
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  };
}
