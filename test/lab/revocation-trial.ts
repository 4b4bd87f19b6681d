import type { DeviceEvent } from "@parley/client";
/**
 * Somebody with links of every kind is revoked while it talks: how long until it is out, at the registry, at each peer, and at
 * a peer from which the registry's word is kept.
 */
import { systemClock } from "@parley/core";
import { isParleyError, type Path } from "@parley/protocol";
import type { AttachedDevice } from "@parley/sidecar";

import type { NatKind } from "../../packages/cli/src/stun/nat-kind.ts";
import type { Host, Internet } from "./internet.ts";
import type { LabMesh } from "./lab-mesh.ts";

export interface RevokedAtPeer {
  readonly name: string;
  /** How it was linked to the revoked one; `relay` for no link. */
  readonly path: Path;
  /** Whether the registry's word was kept from it, so that it could hear from another peer only. */
  readonly withheld: boolean;
  /** Until it knew; undefined when it never did. */
  readonly knownMs: number | undefined;
  /** Until its link was closed; undefined when it never was, or when there was none. */
  readonly closedMs: number | undefined;
  /** Until the last message of the revoked one was handled here; 0 when none was. */
  readonly lastHandledMs: number;
  /** Whether it refuses to send there. */
  readonly refuses: boolean;
}

export interface RevocationResult {
  /** From the operator's act until it heard that the registry took the list. All other times begin at the act, too. */
  readonly acceptedMs: number;
  /** Until the session of the revoked one had ended; undefined when it did not. */
  readonly sessionMs: number | undefined;
  readonly peers: readonly RevokedAtPeer[];
}

/** Symmetric against these gives a direct link, one through TURN, none, and one more direct one. */
const victimKind: NatKind = "symmetric";
const peerKinds = [
  { kind: "full-cone", path: "direct", withheld: false },
  { kind: "symmetric", path: "turn", withheld: false },
  { kind: "udp-blocked", path: "relay", withheld: false },
  { kind: "address-restricted", path: "direct", withheld: true },
] as const satisfies readonly { kind: NatKind; path: Path; withheld: boolean }[];

/** What it needs to be there; the lab leaves the trial out otherwise. */
export const revocationKinds: readonly NatKind[] = peerKinds.map(({ kind }) => kind);

const everyMs = 50;
/** Long past the demand: what has not happened then does not happen. */
const waitMs = 5000;
const linkWaitMs = 8000;

export async function tryRevocation(mesh: LabMesh, internet: Internet): Promise<RevocationResult> {
  await using trial = await RevocationTrial.prepare(mesh, internet);
  return await trial.run();
}

class RevocationTrial implements AsyncDisposable {
  readonly #mesh: LabMesh;
  readonly #internet: Internet;
  readonly #victim: AttachedDevice;
  readonly #peers: readonly WatchedPeer[];
  readonly #endVictim: () => Promise<unknown>;

  private constructor(
    mesh: LabMesh,
    internet: Internet,
    victim: AttachedDevice,
    peers: readonly WatchedPeer[],
    endVictim: () => Promise<unknown>,
  ) {
    this.#mesh = mesh;
    this.#internet = internet;
    this.#victim = victim;
    this.#peers = peers;
    this.#endVictim = endVictim;
  }

  static async prepare(mesh: LabMesh, internet: Internet): Promise<RevocationTrial> {
    const host = internet.host("a", victimKind);
    const command = await mesh.startDevice(host);
    const victim = await mesh.attach(host);
    const peers: WatchedPeer[] = [];
    for (const { kind, path, withheld } of peerKinds) {
      const peerHost = internet.host("b", kind);
      peers.push(new WatchedPeer(peerHost, path, withheld, await mesh.attach(peerHost), victim.member));
    }
    return new RevocationTrial(mesh, internet, victim, peers, () => command.interrupt());
  }

  async run(): Promise<RevocationResult> {
    for (const { host, path } of this.#peers) if (path !== "relay") await linked(this.#victim, host.name, path);
    const [first] = this.#peers;
    const deaf = this.#peers.filter(({ withheld }) => withheld);
    for (const { host } of deaf) {
      // By this link it can hear of what the registry does not tell it.
      if (first !== undefined) await linked(first.device, host.name, "direct");
      await this.#internet.cutRegistry(host);
    }
    const talk = setInterval(() => this.#talk(), everyMs);
    try {
      await Promise.race([Promise.all(this.#peers.map(({ heard }) => heard)), lasting(linkWaitMs)]);
      return await this.#revoke();
    } finally {
      clearInterval(talk);
      for (const { host } of deaf) await this.#internet.mend(host, host);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#peers.map((peer) => peer.stop()));
    await this.#victim.stop();
    await this.#endVictim();
  }

  #talk(): void {
    for (const { host, path } of this.#peers)
      void this.#victim
        .send(`@${host.name}`, "x", { class: "live", paths: [path] })
        .then(({ settled }) => settled)
        .catch(() => undefined);
  }

  async #revoke(): Promise<RevocationResult> {
    const { device, operator } = await this.#mesh.attachOperator();
    try {
      const ended = sessionEnd(this.#victim);
      const start = performance.now();
      await operator.revoke(this.#victim.name);
      const acceptedMs = performance.now() - start;
      const deadline = lasting(waitMs).then(() => undefined);
      const sessionEnded = await Promise.race([ended, deadline]);
      await Promise.race([Promise.all(this.#peers.map((peer) => peer.done)), deadline]);
      const peers = await Promise.all(this.#peers.map((peer) => peer.result(start)));
      return { acceptedMs, sessionMs: since(start, sessionEnded), peers };
    } finally {
      await device.stop();
    }
  }
}

/** What one peer noticed of the one that is to be revoked, and when. */
class WatchedPeer {
  readonly host: Host;
  readonly path: Path;
  readonly withheld: boolean;
  readonly device: AttachedDevice;
  readonly #victim: string;
  readonly #leave: () => void;
  /** Resolves once it has handled something of the one that will be revoked. */
  readonly heard: Promise<void>;
  readonly #known = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();
  #knownAt: number | undefined;
  #closedAt: number | undefined;
  #handledAt = 0;

  constructor(host: Host, path: Path, withheld: boolean, device: AttachedDevice, victim: string) {
    this.host = host;
    this.path = path;
    this.withheld = withheld;
    this.device = device;
    this.#victim = victim;
    device.watch((event) => this.#take(event));
    const heard = Promise.withResolvers<void>();
    this.heard = heard.promise;
    this.#leave = device.onMessage(({ from }) => {
      if (from.member !== victim) return;
      this.#handledAt = performance.now();
      heard.resolve();
    });
  }

  /** Resolves once it knows, and its link is closed if there was one. */
  get done(): Promise<unknown> {
    return Promise.all([this.#known.promise, this.path === "relay" ? undefined : this.#closed.promise]);
  }

  async stop(): Promise<void> {
    this.#leave();
    await this.device.stop();
  }

  async result(start: number): Promise<RevokedAtPeer> {
    const refusal: unknown = await this.device.send(this.#victim, "x").then(
      () => undefined,
      (error: unknown) => error,
    );
    return {
      name: this.host.name,
      path: this.path,
      withheld: this.withheld,
      knownMs: since(start, this.#knownAt),
      closedMs: since(start, this.#closedAt),
      lastHandledMs: Math.max(0, this.#handledAt - start),
      refuses: isParleyError(refusal) && refusal.code === "revoked",
    };
  }

  #take(event: DeviceEvent): void {
    if (event.type === "revoked" && event.member === this.#victim) {
      this.#knownAt ??= performance.now();
      this.#known.resolve();
    }
    if (event.type === "link" && event.link.member === this.#victim && event.link.state === "closed") {
      this.#closedAt ??= performance.now();
      this.#closed.resolve();
    }
  }
}

/** When the session of a device has ended for good. */
function sessionEnd(device: AttachedDevice): Promise<number> {
  return new Promise((resolve) => {
    device.watch((event) => {
      if (event.type === "session" && event.state === "stopped") resolve(performance.now());
    });
    void device.closed.then(() => resolve(performance.now()));
  });
}

/** Resolves once there is a link by this path; one that goes another way at first may move. */
async function linked(device: AttachedDevice, name: string, path: Path): Promise<void> {
  const isThere = (): boolean =>
    device.links().some((link) => link.name === name && link.state === "open" && link.path === path);
  const open = Promise.withResolvers<true>();
  const leave = device.watch(() => isThere() && open.resolve(true));
  try {
    const deadline = lasting(linkWaitMs).then(() => false);
    await Promise.race([device.connect(`@${name}`).catch(() => undefined), deadline]);
    if (!isThere() && !(await Promise.race([open.promise, deadline])))
      throw new Error(`There is no link to ${name} by ${path}.`);
  } finally {
    leave();
  }
}

const since = (start: number, at: number | undefined): number | undefined =>
  at === undefined ? undefined : at - start;

/** The trial itself takes its time. */
function lasting(ms: number): Promise<void> {
  return new Promise((resolve) => void systemClock.setTimer(ms, resolve));
}
