import type { Link, LinkRoute } from "@parley/core";

/** A link whose other side has proven itself. */
export interface OpenLink {
  readonly link: Link;
  readonly path: "direct" | "turn";
  readonly route: LinkRoute | undefined;
  readonly openedInMs: number;
  /** The channel is full: wait for its drain. */
  blocked: boolean;
  /** Monotonic time of the last frame from the other side, and of the last one to it that carried data. */
  lastHeard: number;
  lastUsed: number;
}
