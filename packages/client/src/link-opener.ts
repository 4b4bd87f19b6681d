/** Gets a peer onto a path that a rule allows, before something is sent to it. */
import type { Clock } from "@parley/core";
import { type ErrorCode, limits, ParleyError, toParleyError } from "@parley/protocol";

import type { AllowedPaths } from "./delivery.ts";
import type { DeviceEvent } from "./device-api.ts";
import type { Links } from "./links.ts";
import { allowsLinks, allowsRelay, linkPaths } from "./path-rules.ts";
import type { Peer } from "./peer.ts";

export interface LinkOpenerOptions {
  readonly links: () => Links;
  readonly clock: Clock;
  readonly watch: (listener: (event: DeviceEvent) => void) => () => void;
}

/** A dial that is lost is tried this often in all: ICE loses races, and the second attempt mostly wins. */
const mostDials = 2;
/** Whether an attempt came to nothing by itself; one that was refused would be refused again. */
const isLost = (code: ErrorCode | undefined): boolean => code === "closed";

export class LinkOpener {
  readonly #options: LinkOpenerOptions;

  constructor(options: LinkOpenerOptions) {
    this.#options = options;
  }

  /** Starts a link where the rule allows one, and waits for it only where nothing else is allowed. */
  async approach(peer: Peer, paths: AllowedPaths | undefined, signal?: AbortSignal): Promise<void> {
    if (!allowsLinks(paths)) return;
    if (allowsRelay(paths)) this.#options.links().want(peer);
    else await this.open(peer, paths, signal);
  }

  /** Waits for a link on an allowed path, dialling at once. Rejects with `path_unavailable`. */
  async open(peer: Peer, paths: AllowedPaths | undefined, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const links = this.#options.links();
    const allowed = (): boolean => peer.link !== undefined && (paths ?? linkPaths).includes(peer.link.path);
    if (allowed()) return;
    if (!links.canDial(peer)) throw new ParleyError("path_unavailable", { message: "This device makes no links." });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const unavailable = (message: string): void => reject(new ParleyError("path_unavailable", { message }));
    const { name } = peer.member;
    let dials = 1;
    const done = this.#options.watch((event) => {
      if (event.type !== "link" || event.link.device !== peer.device) return;
      if (allowed()) resolve();
      else if (event.link.state === "open")
        unavailable(`The link to @${name} opened by ${event.link.path ?? "another path"}, which is not allowed.`);
      else if (links.isDialling(peer)) return;
      else if (!isLost(event.code) || ++dials > mostDials)
        unavailable(`No link to @${name} could be opened: ${event.reason ?? "unknown"}`);
      else this.#options.clock.soon(() => links.want(peer, true));
    });
    const timer = this.#options.clock.setTimer(limits.linkOpenMs * mostDials, () =>
      unavailable(`No link to @${name} opened in time.`),
    );
    const onAbort = (): void => reject(toParleyError(signal?.reason));
    signal?.addEventListener("abort", onAbort, { once: true });
    links.want(peer, true);
    try {
      await promise;
    } finally {
      done();
      timer.cancel();
      signal?.removeEventListener("abort", onAbort);
    }
  }
}
