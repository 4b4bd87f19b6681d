import type { Signer } from "@parley/core";
import { ParleyError } from "@parley/protocol";

/** An operator's root key: at hand, or looked for when it is first needed, where it may be locked. */
export type OperatorRoot = Signer | undefined | (() => Promise<Signer | undefined>);

/** The key to sign with. Throws `forbidden` on a device that does not hold it, `identity_locked`, ... */
export async function openRoot(given: OperatorRoot): Promise<Signer> {
  const root = typeof given === "function" ? await given() : given;
  if (root !== undefined) return root;
  throw new ParleyError("forbidden", {
    message: "This device does not hold an operator's root key; do this on the device that paired first.",
  });
}
