import type { DoorBounds } from "./bounds.ts";
import type { DoorClient } from "./door-client.ts";
import { isLoopback } from "./guest-check.ts";
import { Rate } from "./rate.ts";

const mostArrivals = 10_000;

/** The connections there are: all of them, by address, and those that have an id by it. */
export class LiveClients {
  readonly #all = new Set<DoorClient>();
  readonly #byId = new Map<string, DoorClient>();
  readonly #perAddress = new Map<string, number>();
  readonly #arrivals = new Map<string, Rate>();
  readonly #bounds: DoorBounds;
  /** Whether whoever only shows a key may have what is meant for its holder. */
  readonly #wasProven: (id: string) => boolean;

  constructor(bounds: DoorBounds, wasProven: (id: string) => boolean) {
    this.#bounds = bounds;
    this.#wasProven = wasProven;
  }

  get all(): ReadonlySet<DoorClient> {
    return this.#all;
  }

  /** Why no more connections are taken from an address at present; undefined when there is room. */
  refusalFor(address: string, now: number): string | undefined {
    if (!this.#arrivalOf(address, now).take(now)) return "Too many connections in a short time; wait a moment.";
    const { connections, connectionsPerAddress, connectionsOfMachine } = this.#bounds;
    if (this.#all.size >= connections) return "The door has as many connections as it takes.";
    const own = this.#perAddress.get(address) ?? 0;
    return own >= (isLoopback(address) ? connectionsOfMachine : connectionsPerAddress)
      ? "Your address has as many connections as it may."
      : undefined;
  }

  add(client: DoorClient): void {
    this.#all.add(client);
    this.#perAddress.set(client.address, (this.#perAddress.get(client.address) ?? 0) + 1);
  }

  remove(client: DoorClient): void {
    if (!this.#all.delete(client)) return;
    this.release(client);
    const left = (this.#perAddress.get(client.address) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(client.address);
    else this.#perAddress.set(client.address, left);
  }

  holds(id: string): boolean {
    return this.#byId.has(id);
  }

  holder(id: string): DoorClient | undefined {
    return this.#byId.get(id);
  }

  name(client: DoorClient, id: string): void {
    client.id = id;
    this.#byId.set(id, client);
  }

  /** Frees the id for another connection. */
  release(client: DoorClient): void {
    if (this.#byId.get(client.id) === client) this.#byId.delete(client.id);
  }

  /** Whoever may get what is said to an id: not one that only shows a key that somebody proved before. */
  recipient(id: string): DoorClient | undefined {
    const client = this.#byId.get(id);
    return client !== undefined && this.isTrusted(client) ? client : undefined;
  }

  isTrusted(client: DoorClient): boolean {
    return client.standing === "proven" || !this.#wasProven(client.id);
  }

  #arrivalOf(address: string, now: number): Rate {
    const known = this.#arrivals.get(address);
    if (known !== undefined) return known;
    if (this.#arrivals.size >= mostArrivals) {
      for (const [other, rate] of this.#arrivals) if (rate.isFull(now)) this.#arrivals.delete(other);
      if (this.#arrivals.size >= mostArrivals) this.#arrivals.clear();
    }
    const { arrivalsPerSecond, arrivalsBurst } = this.#bounds;
    const rate = new Rate(arrivalsPerSecond, arrivalsBurst, now);
    this.#arrivals.set(address, rate);
    return rate;
  }
}
