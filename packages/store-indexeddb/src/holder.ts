import { ParleyError } from "@parley/protocol";

/**
 * Takes a lock that ends with the page (Web Locks API, section 2). Throws `device_in_use` when another page, or this one, has it. Returns
 * what gives it back; resolves when that is done.
 */
export async function takeHold(locks: LockManager, name: string): Promise<() => Promise<void>> {
  const taken = Promise.withResolvers<boolean>();
  const released = Promise.withResolvers<void>();
  const ended = locks.request(name, { mode: "exclusive", ifAvailable: true }, async (lock) => {
    taken.resolve(lock !== null);
    if (lock !== null) await released.promise;
  });
  ended.catch(taken.reject);
  if (!(await taken.promise))
    throw new ParleyError("device_in_use", { message: `${name}: another page of this browser holds this device.` });
  return async () => {
    released.resolve();
    await ended;
  };
}
