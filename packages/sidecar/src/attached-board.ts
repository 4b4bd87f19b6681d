/** The board through a device that another process holds. */
import type {
  BoardApi,
  BoardEvent,
  BoardPage,
  BoardQuery,
  BoardRequest,
  BoardRun,
  BoardTaskView,
} from "@parley/client";
import { type BoardFacts, ParleyError, toParleyError } from "@parley/protocol";

import { EventBuffer } from "./event-buffer.ts";
import type { LocalCalls } from "./local-calls.ts";
import type { OperationBody } from "./operations.ts";

/** Events of one task that wait for their reader before the socket rests. */
const mostEvents = 256;

export class AttachedBoard implements BoardApi {
  readonly #calls: LocalCalls;

  constructor(calls: LocalCalls) {
    this.#calls = calls;
  }

  async submit({ signal, ...request }: BoardRequest): Promise<BoardFacts> {
    return (await this.#calls.call("submitBoardTask", request as OperationBody<"submitBoardTask">, { signal })).facts;
  }

  task(id: string): Promise<BoardTaskView> {
    return this.#calls.call("boardTask", { task: id });
  }

  list({ states, ...query }: BoardQuery = {}): Promise<BoardPage> {
    return this.#calls.call("boardTasks", { ...query, ...(states === undefined ? {} : { states: [...states] }) });
  }

  follow(id: string): BoardRun {
    const abort = new AbortController();
    const events = new EventBuffer<BoardEvent>(
      mostEvents,
      () => this.#calls.pause(),
      () => this.#calls.resume(),
    );
    const onEvent = (event: BoardEvent): void => events.push(event);
    const outcome = this.#calls.call("followBoardTask", { task: id }, { onEvent, signal: abort.signal });
    outcome.then(
      () => events.end(),
      (error: unknown) => events.end(toParleyError(error)),
    );
    return { id, events, outcome, stop: () => abort.abort() };
  }

  async cancel(id: string): Promise<BoardFacts> {
    return (await this.#calls.call("cancelBoardTask", { task: id })).facts;
  }

  async retry(id: string): Promise<BoardFacts> {
    return (await this.#calls.call("retryBoardTask", { task: id })).facts;
  }

  async export(id: string): Promise<string> {
    return (await this.#calls.call("exportBoardTask", { task: id })).text;
  }

  work(): void {
    throw new ParleyError("unsupported_operation", { message: "Only the process that holds a device takes tasks." });
  }
}
