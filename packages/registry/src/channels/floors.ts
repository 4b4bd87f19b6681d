/**
 * Who answers a post that calls many. Those who ask within a moment are gathered; of them the one has the floor that answered
 * least recently in the channel. The others hear who has it. A floor ends when it is given back, or by itself. In memory of one
 * node: when that starts anew, more than one may answer.
 */
import type { Clock, Timer } from "@parley/core";
import { limits, type ReplyBody } from "@parley/protocol";

type FloorReply = ReplyBody<"channel.floor">;

interface Floor {
  /** Who asked while it was free, in order. */
  asking: Map<string, ((reply: FloorReply) => void)[]>;
  gathering: Timer | undefined;
  holder: string | undefined;
  until: number;
  answered: boolean;
}

/** Members of whom it is known when they answered last, by channel. */
const mostAnswerers = 8192;

export class Floors {
  readonly #clock: Clock;
  readonly #floors = new Map<string, Floor>();
  /** By `<channel>/<member>`, ms by the monotonic clock; the newest last. */
  readonly #answers = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when those who ask at the same time are known. */
  ask(channel: string, post: string, member: string): Promise<FloorReply> {
    const floor = this.#floorOf(`${channel}/${post}`);
    const { holder } = floor;
    if (holder !== undefined && (floor.answered || this.#clock.now() < floor.until))
      return Promise.resolve(replyOf(floor, holder === member && !floor.answered));
    floor.holder = undefined;
    return new Promise((resolve) => {
      floor.asking.set(member, [...(floor.asking.get(member) ?? []), resolve].slice(-mostOfOne));
      floor.gathering ??= this.#clock.setTimer(limits.floorGatherMs, () => this.#grant(channel, floor));
    });
  }

  /** The holder answered, or leaves it to another one. Of others it is no news. */
  end(channel: string, post: string, member: string, how: "answered" | "passed"): FloorReply {
    const floor = this.#floors.get(`${channel}/${post}`);
    if (floor === undefined || floor.holder !== member)
      return floor === undefined ? { granted: false, answered: false, until: 0 } : replyOf(floor, false);
    if (how === "passed") {
      floor.holder = undefined;
      return { granted: true, answered: false, until: 0 };
    }
    floor.answered = true;
    this.#noteAnswer(`${channel}/${member}`);
    return replyOf(floor, true);
  }

  #grant(channel: string, floor: Floor): void {
    floor.gathering = undefined;
    const lastOf = (member: string): number => this.#answers.get(`${channel}/${member}`) ?? -1;
    const [holder] = [...floor.asking.keys()].toSorted((one, other) => lastOf(one) - lastOf(other));
    floor.holder = holder;
    floor.until = this.#clock.now() + limits.floorMs;
    const { asking } = floor;
    floor.asking = new Map();
    for (const [member, resolves] of asking) for (const tell of resolves) tell(replyOf(floor, member === holder));
  }

  #floorOf(key: string): Floor {
    const known = this.#floors.get(key);
    if (known !== undefined) return known;
    if (this.#floors.size >= limits.floors) this.#forgetOldest();
    const floor: Floor = { asking: new Map(), gathering: undefined, holder: undefined, until: 0, answered: false };
    this.#floors.set(key, floor);
    return floor;
  }

  #forgetOldest(): void {
    const [oldest] = this.#floors;
    if (oldest === undefined) return;
    const [key, floor] = oldest;
    this.#floors.delete(key);
    floor.gathering?.cancel();
    for (const resolves of floor.asking.values())
      for (const tell of resolves) tell({ granted: false, answered: false, until: 0 });
  }

  #noteAnswer(key: string): void {
    this.#answers.delete(key);
    if (this.#answers.size >= mostAnswerers) this.#answers.delete(this.#answers.keys().next().value ?? "");
    this.#answers.set(key, this.#clock.monotonic());
  }
}

/** Requests of one member for one floor that wait at the same time. */
const mostOfOne = 8;

function replyOf({ holder, answered, until }: Floor, granted: boolean): FloorReply {
  return { granted, answered, until, ...(holder === undefined ? {} : { holder }) };
}
