import type { Sent } from "./delivery.ts";
import type { DeviceApi } from "./device-api.ts";

/** A frame may be stored and, a moment later, delivered: this long the better word is waited for. */
const afterStoredMs = 300;

/**
 * Resolves when each of these has reached its recipient or its mailbox, was refused or has expired, or when `waitMs`
 * is over. Their states then say which.
 */
export async function knownWithin(
  device: Pick<DeviceApi, "watch">,
  sents: readonly Sent[],
  waitMs: number,
): Promise<void> {
  const open = new Set(sents.map(({ id }) => id));
  let timer: ReturnType<typeof setTimeout> | undefined;
  let finish = (): void => {};
  const late = new Promise<void>((resolve) => {
    finish = resolve;
    timer = setTimeout(resolve, waitMs);
  });
  const stored = (id: string): void => {
    open.delete(id);
    if (open.size > 0) return;
    clearTimeout(timer);
    timer = setTimeout(finish, Math.min(afterStoredMs, waitMs));
  };
  const leave = device.watch((event) => {
    if (event.type === "delivery" && event.delivery.state === "stored") stored(event.delivery.id);
  });
  for (const sent of sents) if (sent.state().state === "stored") stored(sent.id);
  try {
    await Promise.race([Promise.all(sents.map(({ settled }) => settled)), late]);
  } finally {
    clearTimeout(timer);
    leave();
  }
}
