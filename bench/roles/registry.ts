/** A registry on SQLite in a process of its own, with the first operator of its mesh beside it. */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";

import { Device, createIdentityDraft, Operator, pairWithLink } from "@parley/client";
import { createSigner, exportSigner, importSigner, openMemoryJournal, type Signer, systemClock } from "@parley/core";
import { formatInviteLink, parseInviteLink } from "@parley/protocol";
import { createRegistry, type Registry, type RegistryBounds } from "@parley/registry";
import { openSqliteStores } from "@parley/store-sqlite";

import { answerCommands, liveKiB, processorSeconds, residentKiB } from "../role.ts";

/** The bench lets many members in at once, and its authors post as fast as the registry takes it. */
const generous = {
  pairingTriesPerMinute: 10_000,
  pairingTriesTotalPerMinute: 10_000,
  requestsPerSecond: 10_000,
  handshakeMs: 60_000,
  postsPerSecond: 1_000_000,
  postsBurst: 1_000_000,
  postsPerSecondOfMember: 1_000_000,
  secretRequestsPerSecond: 10_000,
  sessionsPerSecond: 10_000,
  socketsPerAddress: 20_000,
  unprovenPerAddress: 20_000,
};

/** Many come in at once; from then on everybody may do what anybody may. */
const asItComes = {
  pairingTriesPerMinute: 10_000,
  pairingTriesTotalPerMinute: 10_000,
  secretRequestsPerSecond: 10_000,
};

let registry: Registry | undefined;
let operator: Operator | undefined;

function acting(): Operator {
  if (operator === undefined) throw new Error("the mesh has no operator");
  return operator;
}

/** The node's key, kept between starts. */
async function nodeKeyIn(dir: string): Promise<Signer> {
  const file = path.join(dir, "node-key");
  if (existsSync(file)) return importSigner("node", await readFile(file, "utf8"));
  const created = await createSigner("node", { extractable: true });
  await writeFile(file, await exportSigner(created), { mode: 0o600 });
  return created;
}

async function startWith(
  dir: string,
  bounds: Partial<RegistryBounds>,
): Promise<{ origin: string; secret: string; node: string }> {
  const stores = openSqliteStores({ dir, clock: systemClock });
  const nodeKey = await nodeKeyIn(dir);
  registry = createRegistry({ stores, nodeKey, port: 0, bounds });
  const { origin } = await registry.start();
  return { origin, secret: registry.claimSecret ?? "", node: nodeKey.id };
}

const commands = {
  /** Returns the origin and the secret of the one-time link. */
  start: (dir: string) => startWith(dir, generous),
  /** The same with the bounds that a registry has by itself. */
  startBounded: (dir: string) => startWith(dir, asItComes),
  async claim({ origin, secret, node }: { origin: string; secret: string; node: string }): Promise<void> {
    const link = parseInviteLink(
      formatInviteLink({ registry: origin, payload: { v: 1, kind: "claim", secret, node } }),
    );
    const draft = await createIdentityDraft({ name: "olivia", kind: "person", label: "bench" });
    const joined = await pairWithLink(draft, link);
    if (!("admission" in joined)) throw new Error("the claim was not taken");
    const { identity, trust } = joined;
    const device = await Device.open({ identity, registry: origin, trust, journal: openMemoryJournal() });
    await device.start();
    operator = new Operator({ device, root: identity.root, trust: () => trust, registry: origin });
  },
  async invite(): Promise<string> {
    return (await acting().createInvite({ kind: "link" })).text;
  },
  async approve(pairing: string): Promise<void> {
    await acting().approve(await acting().pendingOf(pairing));
  },
  memory: (): number => residentKiB(),
  live: (): number => liveKiB(),
  processor: (): number => processorSeconds(),
};

export type RegistryCommands = typeof commands;
answerCommands(commands);
