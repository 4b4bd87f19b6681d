import type { BoardView, PushBody, PushType } from "@parley/protocol";

import { Tick } from "../tick.ts";

/** A session as far as the board needs one. */
export interface BoardSession {
  readonly identity: { readonly member: string; readonly device: string } | undefined;
  push<Type extends PushType>(type: Type, body: PushBody<Type>): void;
}

export type BoardLease = PushBody<"board.leased">["leases"][number];
export type EndedLease = PushBody<"board.ended">["leases"][number];
export type ChangedTask = PushBody<"board.changed">["tasks"][number];

interface Waiting {
  readonly leases: BoardLease[];
  readonly ended: EndedLease[];
  /** The newest state of each task. */
  readonly changed: Map<string, ChangedTask>;
}

/** Characters of what goes in one message: a control message is `limits.controlBytes`. */
const messageCharacters = 100_000;

/** What sessions are told about the board: all of one turn of the event loop in as few messages as may be. */
export class BoardNews {
  readonly #most: number;
  readonly #waiting = new Map<BoardSession, Waiting>();
  readonly #tick: Tick;

  constructor(soon: (run: () => void) => void, mostInMessage: number) {
    this.#most = mostInMessage;
    this.#tick = new Tick(soon, () => this.#tell());
  }

  leased(session: BoardSession, lease: BoardLease): void {
    this.#of(session).leases.push(lease);
  }

  ended(session: BoardSession, lease: EndedLease): void {
    this.#of(session).ended.push(lease);
  }

  changed(session: BoardSession, task: ChangedTask): void {
    this.#of(session).changed.set(task.task, task);
  }

  #of(session: BoardSession): Waiting {
    const waiting = this.#waiting.get(session) ?? { leases: [], ended: [], changed: new Map() };
    this.#waiting.set(session, waiting);
    this.#tick.schedule();
    return waiting;
  }

  #tell(): void {
    const all = [...this.#waiting];
    this.#waiting.clear();
    for (const [session, { leases, ended, changed }] of all) {
      for (const some of this.#messages(ended)) session.push("board.ended", { leases: some });
      for (const some of this.#messages(leases)) session.push("board.leased", { leases: some });
      for (const some of this.#messages([...changed.values()])) session.push("board.changed", { tasks: some });
    }
  }

  #messages<Item>(items: readonly Item[]): Item[][] {
    const messages: Item[][] = [];
    let characters = 0;
    for (const item of items) {
      const size = JSON.stringify(item).length;
      const last = messages.at(-1);
      characters += size;
      if (last === undefined || last.length >= this.#most || characters > messageCharacters) {
        messages.push([item]);
        characters = size;
      } else last.push(item);
    }
    return messages;
  }
}

/** The sealed input is with the asker already. */
export const withoutInput = ({ input: _input, ...view }: BoardView): ChangedTask => view;
