/** Talk from a page. Not here: pairing, and where keys and pins are kept (`@parley/client`, the application). */
import { Device, type DeviceOptions, talk, type Talk } from "@parley/client";
import type { Archive, Journal } from "@parley/core";
import { BrowserLinkFactory } from "@parley/peer/browser";
import { isParleyError, ParleyError } from "@parley/protocol";
import { openIndexedDbArchive, openIndexedDbJournal } from "@parley/store-indexeddb";

import { connectError } from "./connect-error.ts";
import { Endings } from "./endings.ts";

export { isParleyError, ParleyError };

/** `identity`, `registry` and `trust` are those of `JoinedMesh`, as pairing gave them. */
export interface PageConnectOptions extends Pick<
  DeviceOptions,
  "identity" | "registry" | "trust" | "keepIdentity" | "strangers" | "tellsRead" | "redact" | "log"
> {
  /** Opened by the caller, who closes them too. Default: IndexedDB, one database of each for the device. */
  readonly journal?: Journal;
  readonly archive?: Archive;
  /** Gives up connecting; what is connected stays so. */
  readonly signal?: AbortSignal;
  /** Whether it makes direct links. Default true. */
  readonly links?: boolean;
}

/** A member's device in this page, connected. Throws `device_in_use` while another page holds it, `revoked`, `canceled`, ... */
export async function connect({ journal, archive, signal, links = true, ...mesh }: PageConnectOptions): Promise<Talk> {
  if (signal?.aborted === true) throw new ParleyError("canceled");
  const endings = new Endings();
  const name = `parley-${mesh.identity.device.id}`;
  try {
    const ownJournal = journal ?? ending(endings, await openIndexedDbJournal({ name: `${name}-journal` }));
    const ownArchive = archive ?? ending(endings, await openIndexedDbArchive({ name: `${name}-archive` }));
    // Only encrypted channels need it: a bundler may put it into a file of its own.
    const { MlsGroups } = await import("@parley/mls");
    const device = await Device.open({
      ...mesh,
      journal: ownJournal,
      archive: ownArchive,
      groups: (options) => new MlsGroups(options),
      ...(links ? { links: { factory: new BrowserLinkFactory() } } : {}),
    });
    endings.add(() => device.stop());
    await device.start(signal === undefined ? {} : { signal });
    return talk(device, { onClose: endings.run });
  } catch (error) {
    await endings.run();
    throw connectError(error, signal);
  }
}

function ending<Store extends { close(): Promise<void> }>(endings: Endings, store: Store): Store {
  endings.add(() => store.close());
  return store;
}
