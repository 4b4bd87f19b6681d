/** So many of each name at the same time; a name is forgotten with its last one. */
export class CountedGroups {
  readonly #most: number;
  readonly #counts = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  of(group: string): number {
    return this.#counts.get(group) ?? 0;
  }

  /** False when the group has as many as it may. */
  add(group: string): boolean {
    const count = this.of(group);
    if (count >= this.#most) return false;
    this.#counts.set(group, count + 1);
    return true;
  }

  remove(group: string): void {
    const left = this.of(group) - 1;
    if (left > 0) this.#counts.set(group, left);
    else this.#counts.delete(group);
  }
}
