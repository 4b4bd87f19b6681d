import { Marker } from "./marker.ts";

/** What is planted, and where: a marker for each content. */
export class Plants {
  readonly #all = new Map<string, Marker>();

  /** The marker of a content, made at its first mention. */
  of(what: string): Marker {
    const marker = this.#all.get(what) ?? new Marker(what);
    this.#all.set(what, marker);
    return marker;
  }

  text(what: string): string {
    return this.of(what).text;
  }

  /** Contents that are planted. */
  get names(): readonly string[] {
    return [...this.#all.keys()];
  }
}
