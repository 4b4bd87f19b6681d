import { DeviceLock, type Home } from "@parley/client/node";
import { ParleyError } from "@parley/protocol";

/** Works on a home while no process holds its device. Throws `device_in_use`. */
export async function whileNotHeld<Result>(home: Home, work: () => Promise<Result>): Promise<Result> {
  const lock = DeviceLock.tryTake(home.path);
  if (lock === undefined)
    throw new ParleyError("device_in_use", {
      message: `Another process holds the device of ${home.path}; stop it first.`,
    });
  try {
    return await work();
  } finally {
    lock.release();
  }
}
