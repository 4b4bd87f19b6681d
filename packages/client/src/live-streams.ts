/**
 * The live streams towards one device: one for each rule of paths in use, so that a call that demands a path never
 * stands behind one that waits for another. Live numbering starts anew whenever either side starts anew.
 */
import { OutboundStream, type Random } from "@parley/core";
import { type Path, toBase64url } from "@parley/protocol";

import type { AllowedPaths } from "./delivery.ts";

export interface LiveStream {
  readonly stream: OutboundStream;
  /** Undefined: all. */
  readonly paths: ReadonlySet<Path> | undefined;
  /** Whoever waits for room. */
  readonly waiting: (() => void)[];
  /** Whoever waits for an acknowledgement. */
  readonly settling: (() => void)[];
}

const keyOf = (paths: AllowedPaths): string => paths.toSorted().join(",");
const anyPath = "any";

export class LiveStreams {
  readonly #random: Random;
  #byRule = new Map<string, LiveStream>();
  #byEpoch = new Map<string, LiveStream>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** The stream for a rule; at most sixteen rules exist. */
  for(paths: AllowedPaths | undefined): LiveStream {
    const key = paths === undefined ? anyPath : keyOf(paths);
    const known = this.#byRule.get(key);
    if (known !== undefined) return known;
    const stream = new OutboundStream({ class: "live", epoch: toBase64url(this.#random.bytes(16)) });
    const live: LiveStream = {
      stream,
      paths: paths === undefined ? undefined : new Set(paths),
      waiting: [],
      settling: [],
    };
    this.#byRule.set(key, live);
    this.#byEpoch.set(stream.epoch, live);
    return live;
  }

  ofEpoch(epoch: string): LiveStream | undefined {
    return this.#byEpoch.get(epoch);
  }

  all(): IterableIterator<LiveStream> {
    return this.#byRule.values();
  }

  /** Streams that may use a path. */
  *on(path: Path): Generator<LiveStream> {
    for (const live of this.#byRule.values()) if (live.paths === undefined || live.paths.has(path)) yield live;
  }

  rewind(): void {
    for (const { stream } of this.#byRule.values()) stream.rewind();
  }

  /** Those that a link with this path carries; without a link, none. */
  *carriedBy(link: Path | undefined): Generator<LiveStream> {
    if (link !== undefined) yield* this.on(link);
  }

  /** Those that go by relay while a link with this path, if any, is open. */
  *relayedBeside(link: Path | undefined): Generator<LiveStream> {
    for (const live of this.on("relay")) {
      // A rule that allows links uses the open one.
      if (link === undefined || (live.paths !== undefined && !live.paths.has(link))) yield live;
    }
  }

  /** Something waits that may go by a link. */
  get wantsLink(): boolean {
    for (const { stream, paths } of this.#byRule.values()) {
      if (stream.unackedCount > 0 && (paths === undefined || paths.has("direct") || paths.has("turn"))) return true;
    }
    return false;
  }

  /** Forgets everything under way: the other side forgot it too. */
  reset(): void {
    const before = [...this.#byRule.values()];
    this.#byRule = new Map();
    this.#byEpoch = new Map();
    for (const live of before) for (const resume of [...live.waiting.splice(0), ...live.settling.splice(0)]) resume();
  }

  get unackedCount(): number {
    let count = 0;
    for (const { stream } of this.#byRule.values()) count += stream.unackedCount;
    return count;
  }
}

/** Something was acknowledged, or will never be: lets everybody who waits look again. */
export function wake(live: LiveStream): void {
  if (live.waiting.length > 0 && live.stream.hasRoom) for (const resume of live.waiting.splice(0)) resume();
  if (live.settling.length > 0) for (const resume of live.settling.splice(0)) resume();
}
