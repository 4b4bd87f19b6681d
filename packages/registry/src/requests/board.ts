import {
  type BoardEntry,
  type DeviceKeyOf,
  newBoardTask,
  peekStatement,
  readBoardEntry,
  sha256,
  verifyBoardAct,
  verifyBoardTask,
} from "@parley/core";
import {
  type BoardAct,
  type BoardFacts,
  type ErrorCode,
  isErrorCode,
  limits,
  ParleyError,
  type RequestBody,
  scopeAllowsSkill,
  toParleyError,
} from "@parley/protocol";

import type { Board } from "../board/board.ts";
import type { StoredTask } from "../board/stored-task.ts";
import type { Budgets } from "../budgets/budgets.ts";
import type { Directory } from "../directory.ts";
import type { MeshState } from "../mesh-state.ts";
import type { Presence } from "../presence.ts";
import type { SessionIdentity } from "../session.ts";
import { toWireError } from "../wire-error.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface BoardServices {
  readonly board: Board;
  readonly mesh: MeshState;
  readonly directory: Directory;
  readonly presence: Presence;
  readonly budgets: Budgets;
  readonly now: () => number;
}

type Submitted = RequestBody<"board.submit">["tasks"][number];
type Completed = RequestBody<"board.complete">["results"][number];
type Caller = Pick<SessionIdentity, "member" | "device" | "scope">;

/** The board: tasks for anyone with a skill. Whose a task is, and under which lease something is said, is checked here. */
export function boardRequests(services: BoardServices): RequestHandlers<RequestsOf<"board">> {
  const { board, presence, budgets, now } = services;
  return {
    "board.submit": async (caller, { tasks }) => ({
      outcomes: await outcomesOf(tasks, taskOf, async (one) => {
        const facts = await board.submit(await storedTask(services, caller, one));
        budgets.count(caller.member, { messages: 1 });
        return facts;
      }),
    }),
    "board.share": async ({ member }, { task, wraps }) => {
      await requireOwn(board, task, member);
      await board.tasks.change(task, (stored) => {
        const known = new Set(stored.wraps.map((wrap) => wrap.member));
        const added = wraps.filter((wrap) => !known.has(wrap.member));
        if (stored.wraps.length + added.length > limits.boardWraps) throw new ParleyError("limit_reached");
        return added.length === 0 ? undefined : { ...stored, wraps: [...stored.wraps, ...added] };
      });
      return {};
    },
    "board.get": async ({ member }, { task }) => ({ view: board.tasks.view(await board.tasks.get(task, member)) }),
    "board.list": ({ member }, query) => listTasks(board, member, query),
    "board.follow": async ({ member }, { tasks }, session) => ({
      outcomes: await outcomesOf(tasks, String, async (task) => {
        const stored = await board.tasks.get(task, member);
        board.followers.follow(session, stored);
        return board.facts(stored);
      }),
    }),
    "board.act": async (caller, { task, entry }) => ({ facts: await act(services, caller, task, entry) }),
    "board.acknowledge": async ({ member }, { tasks }) => {
      const own = tasks.filter((task) => board.tasks.index.get(task)?.asker === member);
      // What is open again by now is passed over.
      await Promise.allSettled(own.map((task) => board.move(task, { act: "acknowledge", at: now() })));
      return {};
    },
    "board.work": async ({ member, device }, { skills, slots, holds }, session) => {
      const boot = presence.of(member).find((one) => one.device === device)?.boot ?? "";
      const worker = { session, member, device, boot, skills: new Set(skills), slots };
      return { ended: [...(await board.work(worker, holds))] };
    },
    "board.renew": async (caller, { leases }, session) => {
      const renewed = await Promise.all(
        leases.map(async ({ task, generation, entry }) => {
          try {
            board.renew(session, { task, generation });
            if (entry !== undefined) await begin(services, caller, { task, generation }, entry);
            return [];
          } catch (error) {
            const { code } = toParleyError(error);
            // Else it is renewed, and said again with the next.
            return code === "lease_ended" || code === "task_not_found" ? [{ task, generation, code }] : [];
          }
        }),
      );
      return { ended: renewed.flat() };
    },
    "board.complete": async (caller, { results }) => ({
      outcomes: await outcomesOf(
        results,
        ({ task }) => task,
        async (one) => complete(services, caller, one),
      ),
    }),
    "board.return": async (caller, lease) => {
      await board.giveBack(caller, lease);
      return {};
    },
  };
}

/** Each for itself: one that is refused keeps no other from being done. */
async function outcomesOf<Item>(
  items: readonly Item[],
  taskIn: (item: Item) => string,
  work: (item: Item) => Promise<BoardFacts>,
): Promise<{ task: string; facts?: BoardFacts; error?: ReturnType<typeof toWireError> }[]> {
  return Promise.all(
    items.map(async (item) => {
      const task = taskIn(item);
      try {
        return { task, facts: await work(item) };
      } catch (thrown) {
        return { task, error: toWireError(toParleyError(thrown)) };
      }
    }),
  );
}

const taskOf = ({ statement }: Submitted): string => peekStatement("board-entry", statement).subject;

async function requireOwn(board: Board, task: string, member: string): Promise<void> {
  const known = board.tasks.index.get(task);
  if (known === undefined) await board.tasks.get(task, member);
  else if (known.asker !== member) throw new ParleyError("task_not_found");
}

/** Devices of one member by its newest list; nobody else speaks in its name. */
function keysOf({ directory }: BoardServices, member: string): DeviceKeyOf {
  const list = directory.get(member)?.record.devices;
  // It was verified when it came in.
  const listed = list === undefined ? [] : peekStatement("devices", list).devices;
  return (by, device) => (by === member ? listed.find((one) => one.device === device)?.key : undefined);
}

async function storedTask(services: BoardServices, caller: Caller, submitted: Submitted): Promise<StoredTask> {
  const { statement, input, own, wraps } = submitted;
  const { mesh } = services.mesh.require();
  const entry = await verifyBoardTask(statement, mesh, keysOf(services, caller.member));
  const { skill, priority, notBefore, deadline, attempts, after, acts, input: digest } = entry.act;
  const now = services.now();
  if (acts !== true && !scopeAllowsSkill(caller.scope, skill)) throw new ParleyError("out_of_scope");
  if (digest !== (await sha256(input)))
    throw new ParleyError("bad_signature", { message: "The sealed input is not the one that the statement names." });
  if (own.member !== caller.member) throw new ParleyError("invalid_argument");
  if (deadline <= now) throw new ParleyError("expired", { message: "The task's deadline has passed." });
  if (deadline > now + limits.boardLifeMs || (notBefore ?? 0) > deadline)
    throw new ParleyError("invalid_argument", { message: "The times of the task do not fit, or are too far ahead." });
  return {
    task: entry.statement.subject,
    asker: caller.member,
    skill,
    priority,
    created: now,
    ...(after === undefined ? {} : { after }),
    ...(acts === undefined ? {} : { acts }),
    entries: [statement],
    input,
    own,
    wraps,
    is: newBoardTask({ attempts, readyAt: notBefore ?? now, deadline }),
  };
}

/** What an asker does to its task later. */
async function act(services: BoardServices, { member }: Caller, task: string, entry: string): Promise<BoardFacts> {
  const { board, now, mesh } = services;
  await requireOwn(board, task, member);
  const at = now();
  const { type } = peekStatement("board-entry", entry).act;
  const brings = async (stored: StoredTask): Promise<Partial<StoredTask>> => {
    const before = await lastOf(stored);
    await verifyBoardAct(entry, before, mesh.require().mesh, keysOf(services, member));
    return { entries: [...stored.entries, entry] };
  };
  if (type === "canceled") return board.facts(await board.move(task, { act: "cancel", at }, brings));
  if (type !== "retried") throw new ParleyError("invalid_argument");
  const { entries } = await board.tasks.get(task, member);
  const first = peekStatement("board-entry", entries[0] ?? "");
  if (first.act.type !== "submitted" || entries.length + 2 * first.act.attempts > limits.boardEntries)
    throw new ParleyError("limit_reached", { message: "This task was tried again as often as it may be." });
  const deadline = at + Math.min(limits.boardLifeMs, Math.max(0, first.act.deadline - first.iat));
  return board.facts(await board.move(task, { act: "retry", at, attempts: first.act.attempts, deadline }, brings));
}

const lastOf = ({ entries }: StoredTask): Promise<BoardEntry> => readBoardEntry(entries.at(-1) ?? "");

async function begin(
  services: BoardServices,
  { member, device }: Caller,
  { task, generation }: { readonly task: string; readonly generation: number },
  entry: string,
): Promise<void> {
  const { board, now } = services;
  await board.move(task, { act: "renew", at: now(), generation, device }, async (stored) => {
    if (stored.entries.includes(entry)) return undefined;
    const said = await verifyWorkerAct(services, { member, device }, entry, stored, generation);
    if (said.type !== "started") throw new ParleyError("invalid_argument");
    return { entries: [...stored.entries, entry] };
  });
}

async function complete(
  services: BoardServices,
  caller: Caller,
  { task, generation, entry, result }: Completed,
): Promise<BoardFacts> {
  const { board, now } = services;
  const { member, device } = caller;
  if (result.member !== member || result.device !== device) throw new ParleyError("invalid_argument");
  const said = peekStatement("board-entry", entry).act;
  if (said.type !== "completed" && said.type !== "failed") throw new ParleyError("invalid_argument");
  if (said.result !== (await sha256(result.sealed)))
    throw new ParleyError("bad_signature", { message: "The sealed result is not the one that the statement names." });
  const brings = async (stored: StoredTask): Promise<Partial<StoredTask>> => {
    await verifyWorkerAct(services, caller, entry, stored, generation);
    return { entries: [...stored.entries, entry], result };
  };
  const under = { at: now(), generation, device };
  const starts = board.tasks.index.get(task)?.is.starts ?? 1;
  try {
    const move =
      said.type === "completed"
        ? ({ act: "complete", ...under } as const)
        : ({ act: "fail", code: codeOf(said.code), pauseMs: board.pauseMs(starts), ...under } as const);
    return board.facts(await board.move(task, move, brings));
  } catch (error) {
    // The same once more, because the answer was lost.
    const stored = toParleyError(error).code === "lease_ended" ? await saidBefore(board, task, entry) : undefined;
    if (stored === undefined) throw error;
    return board.facts(stored);
  }
}

/** One that a later version knows is a failure of the skill. */
const codeOf = (code: string): ErrorCode => (isErrorCode(code) ? code : "task_failed");

async function saidBefore(board: Board, task: string, entry: string): Promise<StoredTask | undefined> {
  const known = board.tasks.index.get(task);
  const stored = known && (await board.tasks.get(task, known.asker));
  return stored?.entries.includes(entry) === true ? stored : undefined;
}

async function verifyWorkerAct(
  services: BoardServices,
  { member, device }: Pick<Caller, "member" | "device">,
  compact: string,
  stored: StoredTask,
  generation: number,
): Promise<BoardAct> {
  const { mesh } = services.mesh.require();
  const entry = await verifyBoardAct(compact, await lastOf(stored), mesh, keysOf(services, member));
  if (entry.device !== device)
    throw new ParleyError("forbidden", { message: "A device says what became of its own work only." });
  const { act: said } = entry.statement;
  if (!("generation" in said) || said.generation !== generation) throw new ParleyError("invalid_argument");
  return said;
}

function listTasks(
  board: Board,
  member: string,
  { states, skill, limit = limits.pageSize, after }: RequestBody<"board.list">,
): { tasks: BoardFacts[]; next?: string } {
  const { index } = board.tasks;
  const own = [...index.ofAsker(member)]
    .flatMap((task) => index.get(task) ?? [])
    .filter(({ is, skill: of }) => (states?.includes(is.state) ?? true) && (skill === undefined || of === skill))
    .map((known) => ({ known, place: `${String(known.created).padStart(16, "0")}.${known.task}` }))
    .filter(({ place }) => after === undefined || place < after)
    .toSorted((one, other) => (one.place < other.place ? 1 : -1));
  const page = own.slice(0, limit);
  const last = own.length > page.length ? page.at(-1)?.place : undefined;
  return {
    tasks: page.map(({ known }) => board.factsOfKnown(known)),
    ...(last === undefined ? {} : { next: last }),
  };
}
