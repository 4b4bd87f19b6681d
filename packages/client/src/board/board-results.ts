import {
  type BoardSealer,
  type DeviceKeyOf,
  type MeshTrust,
  readBoardEntry,
  sha256,
  type TimelineEntry,
  verifyBoardAct,
  verifyBoardTask,
} from "@parley/core";
import {
  type BoardFacts,
  type BoardOutput,
  boardOutputSchema,
  type BoardView,
  decodeJson,
  limits,
  ParleyError,
  type WireError,
} from "@parley/protocol";

import type { Directory } from "../directory.ts";
import type { MemberView } from "../member-view.ts";
import { checkSkillOutput } from "../tasks/card-schemas.ts";
import { TaskFold } from "../tasks/task-fold.ts";
import type { BoardOutcome } from "./board-api.ts";

export interface BoardResultsOptions {
  readonly trust: Pick<MeshTrust, "mesh">;
  readonly directory: Directory;
  readonly sealer: BoardSealer;
}

type Ended = Pick<BoardView, "entries" | "result">;

const decoder = new TextDecoder();

/** Opens results of tasks: nothing is believed that the worker has not signed, and no worker that has not the skill. */
export class BoardResults {
  readonly #options: BoardResultsOptions;

  constructor(options: BoardResultsOptions) {
    this.#options = options;
  }

  /** The keys of a task's speakers, by the members' newest lists. */
  readonly keyOf: DeviceKeyOf = async (member, device) => {
    const { verified } = await this.#options.directory.get(member);
    return verified.devices.get(device)?.key;
  };

  /** What a task that was completed came to. Throws `timeline_broken`, `bad_signature`, `card_mismatch`, `cannot_open`, ... */
  async outcome(facts: BoardFacts, ended: Ended): Promise<BoardOutcome> {
    const { worker, device, output } = await this.#open(facts, ended, "completed");
    if (output.task === undefined) throw new ParleyError("invalid_output");
    const fold = new TaskFold();
    fold.apply({ task: output.task });
    checkSkillOutput(worker, facts.skill, fold.output);
    const { member, name } = worker;
    return { facts, task: fold.task, output: fold.output, text: fold.text, worker: { member, name, device } };
  }

  /** The worker's words for why a task failed; undefined when none were left, or they cannot be opened. */
  async error(facts: BoardFacts, ended: Ended): Promise<WireError | undefined> {
    if (ended.result === undefined) return undefined;
    try {
      return (await this.#open(facts, ended, "failed")).output.error;
    } catch {
      return undefined;
    }
  }

  async #open(
    facts: BoardFacts,
    { entries, result }: Ended,
    type: "completed" | "failed",
  ): Promise<{ worker: MemberView; device: string; output: BoardOutput }> {
    const { directory, sealer } = this.#options;
    const said = await this.#lastOf(entries, type);
    const { by, act } = said.statement;
    const digest = result === undefined ? undefined : await sha256(result.sealed);
    if (result?.member !== by || !("result" in act) || act.result !== digest)
      throw new ParleyError("bad_signature", { message: "The result is not the one that its worker signed." });
    const worker = await directory.get(by);
    if (worker.card?.skills.some(({ id }) => id === facts.skill) !== true)
      throw new ParleyError("card_mismatch", { message: `@${worker.name} does not offer ${facts.skill}.` });
    const bytes = await sealer.openResult(result, facts.task);
    const output = decodeJson(boardOutputSchema, decoder.decode(bytes), limits.boardResultBytes);
    if (!output.ok) throw new ParleyError("invalid_output", { message: output.message });
    return { worker, device: said.device, output: output.value };
  }

  /** The newest entry of this type, verified with the one before it and with what was asked. */
  async #lastOf(entries: readonly string[], type: string): Promise<TimelineEntry<"board">> {
    const { mesh } = this.#options.trust;
    await verifyBoardTask(entries[0] ?? "", mesh, this.keyOf);
    for (let index = entries.length - 1; index > 0; index--) {
      const entry = await readBoardEntry(entries[index] ?? "");
      if (entry.statement.act.type !== type) continue;
      return verifyBoardAct(entry.compact, await readBoardEntry(entries[index - 1] ?? ""), mesh, this.keyOf);
    }
    throw new ParleyError("timeline_broken", { message: `Nobody signed that the task ${type}.` });
  }
}
