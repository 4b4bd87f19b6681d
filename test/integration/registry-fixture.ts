import { createSigner, openMemoryStores, type Signer, type Stores, systemClock, systemRandom } from "@parley/core";
import { toParleyError } from "@parley/protocol";
import { createRegistry, type Registry, type RegistryOptions } from "@parley/registry";
import { WireMesh } from "@parley/testkit";

interface LogLine {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A registry on a free port of the loopback; stops at the end of its scope. */
export interface RunningRegistry extends AsyncDisposable {
  readonly registry: Registry;
  readonly origin: string;
  readonly port: number;
  readonly stores: Stores;
  readonly nodeKey: Signer;
  readonly lines: readonly LogLine[];
  /** Claims the mesh and connects its first operator. */
  claim(): Promise<WireMesh>;
}

/** Memory stores that take every liberty that the ports allow. */
export function faultyStores(): Stores {
  return openMemoryStores({
    clock: systemClock,
    faults: { random: systemRandom, offsetGaps: true, lateWatch: true, conflicts: true },
  });
}

export async function startRegistry(options: Partial<RegistryOptions> = {}): Promise<RunningRegistry> {
  const stores = options.stores ?? faultyStores();
  const nodeKey = options.nodeKey ?? (await createSigner("node"));
  const lines: LogLine[] = [];
  const log: RegistryOptions["log"] = (_level, event, fields) => void lines.push({ event, fields });
  const generous = { pairingTriesPerMinute: 1000, pairingTriesTotalPerMinute: 1000, secretRequestsPerSecond: 1000 };
  const registry = createRegistry({
    port: 0,
    log,
    ...options,
    stores,
    nodeKey,
    bounds: { ...generous, ...options.bounds },
  });
  const { origin, port } = await registry.start();
  return {
    registry,
    origin,
    port,
    stores,
    nodeKey,
    lines,
    claim: () => WireMesh.claim(origin, registry.claimSecret ?? ""),
    async [Symbol.asyncDispose]() {
      await registry.stop();
      if (options.stores === undefined) await stores.close();
    },
  };
}

/** The code of a failure, or `done`. */
export function outcomeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "done",
    (error: unknown) => toParleyError(error).code,
  );
}
