/** Watches the maps and sets that a mesh makes, so that one that only grows is found. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

interface Watched {
  readonly made: WeakRef<{ readonly size: number }>;
  /** Where it was made. */
  readonly site: string;
}

let watched: Watched[] | undefined;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function watch(made: { readonly size: number }): void {
  if (watched === undefined) return;
  const line = new Error().stack?.split("\n")[3] ?? "";
  const site = /packages\/(\S+?\.ts:\d+)/.exec(line)?.[1];
  // What the memory adapters hold stands for what is on a disk.
  if (site !== undefined && !site.startsWith("core/src/memory/")) watched.push({ made: new WeakRef(made), site });
}

/** Puts maps and sets that can be watched in the place of the built-in ones. Once per process. */
export function installCollections(): void {
  const PlainMap = globalThis.Map;
  const PlainSet = globalThis.Set;
  globalThis.Map = class Map<Key, Value> extends PlainMap<Key, Value> {
    constructor(entries?: Iterable<readonly [Key, Value]> | null) {
      super(entries ?? []);
      watch(this);
    }
  };
  globalThis.Set = class Set<Item> extends PlainSet<Item> {
    constructor(items?: Iterable<Item> | null) {
      super(items ?? []);
      watch(this);
    }
  };
}

/** From now on, what is made is watched; what was before is forgotten. */
export function watchCollections(isOn: boolean): void {
  watched = isOn ? [] : undefined;
}

/** What is watched and has more than so many items, largest first. */
export async function largeCollections(
  most: number,
): Promise<readonly { readonly site: string; readonly size: number }[]> {
  if (watched === undefined) return [];
  // What a weak reference has shown stays until the end of its task.
  await new Promise<void>((resolve) => void setImmediate(resolve));
  collect();
  return (watched ?? [])
    .map(({ made, site }) => ({ site, size: made.deref()?.size ?? 0 }))
    .filter(({ size }) => size > most)
    .toSorted((left, right) => right.size - left.size);
}
