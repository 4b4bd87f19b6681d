import { type Clock, type Random } from "@parley/core";
import { envelopeKinds, ParleyError, type Path, toBase64url } from "@parley/protocol";

import type { PingResult } from "./delivery.ts";
import type { Peer } from "./peer.ts";

interface Waiting {
  readonly peer: Peer;
  readonly started: number;
  readonly resolve: (result: PingResult) => void;
}

const mostPings = 1024;
const defaultTimeoutMs = 10_000;

/** Pings under way: a nonce goes out, comes back, and the time between is the round trip. */
export class Pings {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #waiting = new Map<string, Waiting>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Pings a device by its link, or through the registry with `relayOnly`. Rejects with `timeout` (default 10 seconds). */
  ping(peer: Peer, relayOnly: boolean, timeoutMs = defaultTimeoutMs): Promise<PingResult> {
    if (this.#waiting.size >= mostPings) return Promise.reject(new ParleyError("limit_reached"));
    const nonce = this.#random.bytes(8);
    const key = toBase64url(nonce);
    return new Promise((resolve, reject) => {
      const timer = this.#clock.setTimer(timeoutMs, () => {
        this.#waiting.delete(key);
        reject(new ParleyError("timeout", { message: `@${peer.member.name} did not answer within ${timeoutMs} ms.` }));
      });
      this.#waiting.set(key, {
        peer,
        started: this.#clock.monotonic(),
        resolve: (result) => {
          timer.cancel();
          resolve(result);
        },
      });
      const envelope = {
        kind: envelopeKinds.ping,
        critical: false,
        more: false,
        created: this.#clock.now(),
        ttl: 0,
        hops: 0,
        trace: undefined,
        origin: undefined,
        body: nonce,
      };
      peer.pushEphemeral(envelope, relayOnly);
    });
  }

  onPong(peer: Peer, nonce: Uint8Array, path: Path): void {
    const key = toBase64url(nonce);
    const waiting = this.#waiting.get(key);
    if (waiting?.peer !== peer) return;
    this.#waiting.delete(key);
    const route = peer.link?.route;
    waiting.resolve({
      path,
      rttMs: this.#clock.monotonic() - waiting.started,
      device: peer.device,
      route: route === undefined || path === "relay" ? undefined : { local: route.local, remote: route.remote },
    });
  }
}
