/** The board, as a device asks for work and does it. */
import { BoardSealer, type MeshTrust, peekStatement, readBoardEntry } from "@parley/core";
import {
  type BoardFacts,
  boardInputSchema,
  type BoardView,
  decodeJson,
  limits,
  type Message,
  type PushMessage,
} from "@parley/protocol";

import type { Outgoing } from "../guards/outgoing.ts";
import type { Peers } from "../peers.ts";
import type { TaskCallee } from "../tasks/task-callee.ts";
import type { TaskCaller } from "../tasks/task-caller.ts";
import type { BoardApi, BoardPage, BoardQuery, BoardRequest, BoardRun, BoardTaskView, BoardWork } from "./board-api.ts";
import { BoardAsker, type BoardAskerOptions } from "./board-asker.ts";
import { exportBoardTask } from "./board-export.ts";
import { BoardHolders } from "./board-holders.ts";
import { BoardProgress } from "./board-progress.ts";
import { BoardResults } from "./board-results.ts";
import { BoardRuns } from "./board-runs.ts";
import { BoardWorker, type BoardWorkerOptions } from "./board-worker.ts";

export interface BoardOptions
  extends
    Omit<BoardAskerOptions, "sealer" | "holders" | "outgoing" | "trust">,
    Omit<BoardWorkerOptions, "sealer" | "callee" | "trust"> {
  readonly trust: MeshTrust;
  readonly peers: Peers;
  readonly guards: { readonly outgoing: Outgoing };
}

export class Board implements BoardApi {
  readonly #options: BoardOptions;
  readonly #sealer: BoardSealer;
  readonly #asker: BoardAsker;
  readonly #worker: BoardWorker;
  readonly #runs: BoardRuns;
  readonly #results: BoardResults;

  constructor(options: BoardOptions, { callee, caller }: { readonly callee: TaskCallee; readonly caller: TaskCaller }) {
    this.#options = options;
    const { own, trust, random, directory, clock, gate } = options;
    const { member, device } = own.identity;
    const sealer = new BoardSealer({
      mesh: trust.mesh,
      member,
      device: device.id,
      random,
      keyOf: (kid) => own.keyOf(kid),
    });
    this.#sealer = sealer;
    const holders = new BoardHolders({
      sealer,
      directory,
      gate,
      own: () => ({ member, encryption: peekStatement("devices", own.identity.devices).encryption }),
      now: () => clock.monotonic(),
    });
    this.#asker = new BoardAsker({ ...options, sealer, holders, outgoing: options.guards.outgoing });
    this.#worker = new BoardWorker({ ...options, sealer, callee });
    this.#results = new BoardResults({ trust, directory, sealer });
    const progress = new BoardProgress({ ...options, caller });
    this.#runs = new BoardRuns({ ...options, results: this.#results, progress });
  }

  submit(request: BoardRequest): Promise<BoardFacts> {
    return this.#asker.submit(request);
  }

  follow(id: string): BoardRun {
    return this.#runs.follow(id);
  }

  list(query: BoardQuery = {}): Promise<BoardPage> {
    return this.#asker.list(query);
  }

  cancel(id: string): Promise<BoardFacts> {
    return this.#asker.act(id, { type: "canceled" });
  }

  retry(id: string): Promise<BoardFacts> {
    return this.#asker.act(id, { type: "retried" });
  }

  async task(id: string): Promise<BoardTaskView> {
    const { view } = await this.#options.session.request("board.get", { task: id });
    const { entries, input: _input, own: _own, result, ...facts } = view;
    const acts = await Promise.all(entries.map((compact) => readBoardEntry(compact)));
    const ended = { entries, ...(result === undefined ? {} : { result }) };
    const isCompleted = facts.state === "completed";
    return {
      facts,
      asked: await this.#askedIn(view),
      outcome: isCompleted ? await this.#results.outcome(facts, ended) : undefined,
      error: isCompleted ? undefined : await this.#results.error(facts, ended),
      acts: acts.map(({ statement: { act, by, iat } }) => ({ type: act.type, by, at: iat })),
    };
  }

  async export(id: string): Promise<string> {
    const { view } = await this.#options.session.request("board.get", { task: id });
    return exportBoardTask(this.#options, view);
  }

  work(work: BoardWork): void {
    this.#worker.work(work);
  }

  onLoad(): void {
    this.#worker.onLoad();
  }

  onSession(): void {
    this.#worker.onSession();
    this.#runs.onSession();
  }

  /** True when it is about the board. */
  onPush(push: PushMessage): boolean {
    switch (push.type) {
      case "board.leased":
        this.#worker.onLeased(push.body);
        return true;
      case "board.ended":
        this.#worker.onEnded(push.body);
        return true;
      case "board.changed":
        this.#runs.onChanged(push.body);
        return true;
      case "board.wanted":
        this.#asker.onWanted(push.body).catch(this.#options.notices.refused);
        return true;
      default:
        return false;
    }
  }

  async stop(): Promise<void> {
    this.#runs.stop();
    await this.#worker.stop();
  }

  async #askedIn({ task, asker, skill, input, own }: BoardView): Promise<BoardTaskView["asked"]> {
    if (input === undefined || own === undefined) return undefined;
    const contentKey = await this.#sealer.unwrap(own, asker);
    const bytes = await this.#sealer.openInput(input, contentKey, task, skill);
    const content = decodeJson(boardInputSchema, new TextDecoder().decode(bytes), limits.boardInputBytes);
    return content.ok ? { input: dataOf(content.value.message), text: textOf(content.value.message) } : undefined;
  }
}

const dataOf = ({ parts }: Message): unknown => parts.find((part) => part.data !== undefined)?.data;
const textOf = ({ parts }: Message): string =>
  parts.flatMap((part) => (part.text === undefined ? [] : [part.text])).join("\n");
