/** Notices when this machine's addresses, or its ways to the rest of the world, change. Systems tell Node nothing of it, so we look. */
import type { LocalAddress, RoutedFrom } from "./interface-filter.ts";

const everyMs = 2000;

export interface Machine {
  readonly addresses: () => readonly LocalAddress[];
  /** Addresses from which what is far away is reached. */
  readonly sources: () => Promise<RoutedFrom>;
}

/** Calls `onChange` after each change; returns the way out. Does not keep the process alive. */
export function watchMachine(machine: Machine, onChange: () => void): () => void {
  let last: string | undefined;
  let isLooking = false;
  let isOver = false;
  const look = async (): Promise<void> => {
    if (isLooking) return;
    isLooking = true;
    try {
      const addresses = machine.addresses().map(({ name, address }) => `${name} ${address}`);
      const seen = [...addresses, ...(await machine.sources())].toSorted().join("\n");
      const isNew = last !== undefined && last !== seen;
      last = seen;
      if (isNew && !isOver) onChange();
    } finally {
      isLooking = false;
    }
  };
  const lookQuietly = (): void => void look().catch(() => undefined);
  const timer = setInterval(lookQuietly, everyMs);
  timer.unref();
  lookQuietly();
  return () => {
    isOver = true;
    clearInterval(timer);
  };
}
