/** The keyring of the person's session: the Secret Service on Linux, the keychain of macOS, Windows' credentials. */
import { ParleyError } from "@parley/protocol";

/** Where secrets are kept by name. All of it throws `keyring_unavailable` where there is no keyring, or it stays locked. */
export interface Keyring {
  read(name: string): Promise<string | undefined>;
  write(name: string, secret: string): Promise<void>;
  remove(name: string): Promise<void>;
}

const service = "parley";
/** Linux has a second store, the kernel's, which forgets everything when the machine starts again: never that one. */
const stores = { linux: { store: "secret-service" } } as const;

const unavailable = (cause: unknown): ParleyError => new ParleyError("keyring_unavailable", { cause });

/** Throws `keyring_unavailable` on a platform without the native library. */
export async function systemKeyring(): Promise<Keyring> {
  const { AsyncEntry } = await import("@napi-rs/keyring").catch((error: unknown) => {
    throw unavailable(error);
  });
  const on = async <Result>(name: string, act: (entry: InstanceType<typeof AsyncEntry>) => Promise<Result>) => {
    try {
      return await act(new AsyncEntry(service, name, stores));
    } catch (error) {
      throw unavailable(error);
    }
  };
  return {
    read: (name) => on(name, async (entry) => (await entry.getPassword()) ?? undefined),
    write: (name, secret) => on(name, (entry) => entry.setPassword(secret)),
    remove: (name) => on(name, async (entry) => void (await entry.deletePassword())),
  };
}
