/** The platform's `fetch`, counted by method, with something to do after an answer. */
export class CountedFetch {
  readonly counts = new Map<string, number>();
  /** Called with each answer before its asker gets it. */
  after: (method: string, response: Response) => Promise<Response> | Response = (_method, response) => response;

  readonly fetch: typeof fetch = async (input, init) => {
    const method = init?.method ?? "GET";
    this.counts.set(method, this.count(method) + 1);
    return this.after(method, await fetch(input, init));
  };

  count(method: string): number {
    return this.counts.get(method) ?? 0;
  }
}
