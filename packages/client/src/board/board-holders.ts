import type { BoardSealer } from "@parley/core";
import { type BoardWrap, limits } from "@parley/protocol";

import type { Directory } from "../directory.ts";
import type { Gate } from "../gate.ts";
import type { MemberView } from "../member-view.ts";

export interface BoardHoldersOptions {
  readonly sealer: BoardSealer;
  readonly directory: Directory;
  readonly gate: Pick<Gate, "mayCall">;
  /** Own member, and its current encryption key. */
  readonly own: () => { readonly member: string; readonly encryption: { readonly kid: string; readonly key: string } };
  /** Monotonic time. */
  readonly now: () => number;
}

/** A content key, sealed to those who may work with it and to the asker itself. */
export interface SharedKey {
  readonly contentKey: Uint8Array<ArrayBuffer>;
  readonly own: BoardWrap;
  readonly wraps: readonly BoardWrap[];
}

interface Kept extends SharedKey {
  readonly until: number;
  uses: number;
}

/** One content key serves tasks of one skill for so long, and so many of them. */
const keptMs = 5000;
const mostUses = 1000;
const mostKept = 64;

/** Whom inputs are sealed to: holders of a skill, those that are there first. Sealing is costly, so what goes out together shares a key. */
export class BoardHolders {
  readonly #options: BoardHoldersOptions;
  readonly #kept = new Map<string, Promise<Kept>>();

  constructor(options: BoardHoldersOptions) {
    this.#options = options;
  }

  /** `acts`: for somebody else, whose right to call the worker judges. */
  async keyFor(skill: string, acts: boolean): Promise<SharedKey> {
    const name = `${acts ? "acts" : "own"}:${skill}`;
    const known = await this.#kept.get(name)?.catch(() => undefined);
    if (known !== undefined && known.until > this.#options.now() && known.uses++ < mostUses) return known;
    const making = this.#make(skill, acts);
    making.catch(() => this.#kept.delete(name));
    if (this.#kept.size >= mostKept) this.#kept.delete(this.#kept.keys().next().value ?? "");
    this.#kept.set(name, making);
    return making;
  }

  /** Whether a member may be let into a task: it has the skill, by its signed card, and may be asked for it. */
  async admits(member: string, skill: string, acts: boolean): Promise<MemberView | undefined> {
    const view = await this.#options.directory.get(member);
    return this.#fits(view, skill, acts) ? view : undefined;
  }

  async #make(skill: string, acts: boolean): Promise<Kept> {
    const { sealer, directory, own, now } = this.#options;
    const found = await directory.find({ skill });
    const { member, encryption } = own();
    const holders = found.members
      .filter((view) => view.member !== member && this.#fits(view, skill, acts))
      .toSorted((one, other) => Number(other.live) - Number(one.live))
      .slice(0, limits.boardHolders);
    const contentKey = sealer.contentKey();
    const [ownWrap, ...wraps] = await Promise.all([
      sealer.wrap(contentKey, { member, encryption }),
      ...holders.map(({ verified }) => sealer.wrap(contentKey, verified)),
    ]);
    return { contentKey, own: ownWrap, wraps, until: now() + keptMs, uses: 1 };
  }

  #fits(view: MemberView, skill: string, acts: boolean): boolean {
    const offers = view.card?.skills.some(({ id }) => id === skill) === true;
    return offers && (acts || this.#options.gate.mayCall(view.verified, skill));
  }
}
