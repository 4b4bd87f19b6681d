import { namespaceRights } from "../../scripts/network-namespaces.ts";
import { Namespace } from "./namespace.ts";

/** A machine of a star: its address, and the words before a program's own that start it there. */
export interface Place {
  readonly address: string;
  readonly enter: readonly string[];
}

/** Machines around one router that forwards between them, each in a network of its own: 10.82.<number>.2, from 1 on. */
export class Star implements AsyncDisposable {
  readonly router: Namespace;
  readonly #places: readonly Place[];
  readonly #all: AsyncDisposableStack;

  private constructor(router: Namespace, places: readonly Place[], all: AsyncDisposableStack) {
    this.router = router;
    this.#places = places;
    this.#all = all;
  }

  static async start(count: number): Promise<Star> {
    const rights = namespaceRights();
    if (rights === undefined) throw new Error("This account may not make network namespaces.");
    await using all = new AsyncDisposableStack();
    const router = all.use(await Namespace.first("router", rights));
    const places: Place[] = [];
    for (let number = 1; number <= count; number++) {
      const machine = all.use(await router.another(`machine ${number}`));
      const [near, address] = [`10.82.${number}.1`, `10.82.${number}.2`] as const;
      await router.connect(machine, { lan: `net${number}`, near, address, prefix: 24 });
      places.push({ address, enter: machine.enter });
    }
    return new Star(router, places, all.move());
  }

  /** A machine, the first of which is 0. */
  place(index: number): Place {
    const place = this.#places[index];
    if (place === undefined) throw new Error(`There is no machine ${index}.`);
    return place;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#all.disposeAsync();
  }
}
