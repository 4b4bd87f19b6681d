/** Work is counted and not timed: how often anything of a value is looked at. */
export interface CountedWork<Value> {
  readonly value: Value;
  /** Looks since the last call. */
  take(): number;
}

/** The same value, which counts every look at one of its fields, items or keys. */
export function countedWork<Value extends object>(value: Value): CountedWork<Value> {
  const seen = new WeakMap<object, object>();
  let looks = 0;
  const counted = <Part extends object>(part: Part): Part => {
    const known = seen.get(part);
    if (known !== undefined) return known as Part;
    const proxy = new Proxy(part, {
      get(target, key, receiver) {
        looks++;
        const found: unknown = Reflect.get(target, key, receiver);
        return typeof found === "object" && found !== null ? counted(found) : found;
      },
      has(target, key) {
        looks++;
        return Reflect.has(target, key);
      },
      ownKeys(target) {
        const keys = Reflect.ownKeys(target);
        looks += keys.length;
        return keys;
      },
    });
    seen.set(part, proxy);
    return proxy;
  };
  return {
    value: counted(value),
    take() {
      const taken = looks;
      looks = 0;
      return taken;
    },
  };
}

/** Fields and items in a value, at every depth. */
export function partsOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce<number>((sum, part) => sum + partsOf(part), 1);
}
