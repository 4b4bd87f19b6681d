/** What the evidence of a board run says: each task has one end, with a true reason, and was begun no more often than kills explain. */
import type { BoardLine } from "./board-settings.ts";
import { boardInputOf } from "./board-settings.ts";
import type { ScheduleLine } from "./evidence.ts";

export interface BoardEvidence {
  readonly tasks: number;
  readonly seed: number;
  readonly asker: readonly BoardLine[];
  /** By the worker's process. */
  readonly workers: ReadonlyMap<string, readonly BoardLine[]>;
  readonly schedule: readonly ScheduleLine[];
}

export interface BoardVerdict {
  readonly completed: number;
  readonly deadLetters: Readonly<Record<string, number>>;
  /** Starts beyond the first of all tasks, and how many of them kills explain. */
  readonly extraStarts: number;
  readonly executions: number;
  readonly wrongs: readonly string[];
}

type Final = BoardLine & { readonly t: "final" };

/** A lease that a worker heard of, and whether its life was killed after that. */
interface Seen {
  readonly process: string;
  readonly at: number;
  readonly generation: number;
  readonly diedAt: number | undefined;
}

export function judgeBoard(evidence: BoardEvidence): BoardVerdict {
  const finals = new Map(evidence.asker.flatMap((line) => (line.t === "final" ? [[line.n, line] as const] : [])));
  const seen = leasesSeen(evidence);
  const wrongs: string[] = [];
  const deadLetters: Record<string, number> = {};
  let [completed, extraStarts] = [0, 0];
  for (let n = 0; n < evidence.tasks; n++) {
    const final = finals.get(n);
    if (final === undefined) {
      wrongs.push(`task ${n} has no end`);
      continue;
    }
    wrongs.push(...wrongsOf(final, evidence, seen.get(final.task) ?? []).map((wrong) => `task ${n}: ${wrong}`));
    if (final.state === "completed") completed++;
    else deadLetters[final.reason ?? "none"] = (deadLetters[final.reason ?? "none"] ?? 0) + 1;
    extraStarts += final.starts - 1;
  }
  const executions = [...evidence.workers.values()].flat().filter(({ t }) => t === "began").length;
  return { completed, deadLetters, extraStarts, executions, wrongs };
}

function wrongsOf(final: Final, evidence: BoardEvidence, seen: readonly Seen[]): string[] {
  const { input, attempts } = boardInputOf(final.n, evidence.seed);
  const wrongs: string[] = [];
  const ends = evidence.asker.filter((line) => line.t === "ended" && line.n === final.n);
  const ids = new Set(evidence.asker.flatMap((line) => ("n" in line && line.n === final.n ? [line.task] : [])));
  if (ids.size !== 1) wrongs.push(`it has ${ids.size} ids`);
  if (ends.length === 0) wrongs.push("its asker never heard of its end");
  const completions = final.acts.filter((act) => act === "completed").length;
  if (completions !== (final.state === "completed" ? 1 : 0)) wrongs.push(`it was completed ${completions} times`);
  const told = new Set(ends.map((line) => ("code" in line ? line.code : undefined)));
  if (told.size > 1 || (final.state === "completed") !== told.has(undefined))
    wrongs.push(`its asker heard ${[...told].join(", ")} of ${final.state} ${final.reason ?? ""}`);
  if (final.starts > attempts) wrongs.push(`it was begun ${final.starts} times and might be ${attempts} times`);
  const failures = final.acts.filter((act) => act === "failed").length;
  const lost = final.starts - failures - completions;
  const explained = explainedBy(final, evidence, seen);
  if (lost > explained)
    wrongs.push(`${lost} of ${final.starts} starts came to nothing, and kills explain ${explained}`);
  if (final.state === "failed") {
    const isTrue =
      final.starts === attempts &&
      (input.fails ? final.reason === "task_failed" || lost > 0 : final.reason === "worker_lost" && lost > 0);
    if (!isTrue) wrongs.push(`its reason ${final.reason ?? "none"} after ${final.starts} starts is not true`);
  } else if (final.state !== "completed") wrongs.push(`it is ${final.state}`);
  else if (input.fails) wrongs.push("it was completed, and fails whoever works on it");
  return wrongs;
}

/** Starts of a task that kills account for: of a worker that had the lease, or of the registry or a worker as nobody heard of it. */
function explainedBy({ n, generation }: Final, { asker, schedule }: BoardEvidence, seen: readonly Seen[]): number {
  const cut = seen.filter(({ diedAt }) => diedAt !== undefined).length;
  const unseen = generation - new Set(seen.map((lease) => lease.generation)).size;
  const times = asker.flatMap((line) => ("n" in line && line.n === n && line.t !== "final" ? [line.at] : []));
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const kills = schedule.filter((line) => line.t === "ended" && line.by === "kill" && line.at >= from && line.at <= to);
  const ofRegistry = kills.filter((line) => line.t === "ended" && line.process === "registry").length;
  return cut + ofRegistry + Math.min(unseen, kills.length - ofRegistry);
}

function leasesSeen({ workers, schedule }: BoardEvidence): ReadonlyMap<string, readonly Seen[]> {
  const seen = new Map<string, Seen[]>();
  for (const [process, lines] of workers) {
    let life = 0;
    for (const line of lines) {
      if (line.t === "life") life = line.life;
      if (line.t !== "leased") continue;
      const death = schedule.find((one) => one.t === "ended" && one.process === process && one.life === life);
      const diedAt = death?.t === "ended" && death.by === "kill" ? death.at : undefined;
      const lease = { process, at: line.at, generation: line.generation, diedAt };
      seen.set(line.task, [...(seen.get(line.task) ?? []), lease]);
    }
  }
  return seen;
}
