import {
  type BoardSigner,
  newBoardTask,
  peekStatement,
  sha256,
  verifyBoardAct,
  verifyBoardTask,
} from "@parley/core";
import {
  type BoardFacts,
  type ErrorCode,
  limits,
  ParleyError,
  type RequestBody,
  scopeAllowsSkill,
  type Statement,
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
      outcomes: await outcomesOf(results, ({ task }) => task, async (one) => complete(services, caller, one)),
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

const taskOf = ({ statement }: Submitted): string => peekStatement("board-task", statement).subject;

async function requireOwn(board: Board, task: string, member: string): Promise<void> {
  const known = board.tasks.index.get(task);
  if (known === undefined) await board.tasks.get(task, member);
  else if (known.asker !== member) throw new ParleyError("task_not_found");
}

/** Devices of a member by its newest list. */
function signerOf({ mesh, directory }: BoardServices, member: string): BoardSigner {
  const list = directory.get(member)?.record.devices;
  // It was verified when it came in.
  const listed = list === undefined ? [] : peekStatement("devices", list).devices;
  return {
    mesh: mesh.require().mesh,
    member,
    keyOf: (device) => listed.find((one) => one.device === device)?.key,
  };
}

async function storedTask(services: BoardServices, caller: Caller, submitted: Submitted): Promise<StoredTask> {
  const { statement, input, own, wraps } = submitted;
  const said = await verifyBoardTask(statement, signerOf(services, caller.member));
  const now = services.now();
  if (said.acts !== true && !scopeAllowsSkill(caller.scope, said.skill)) throw new ParleyError("out_of_scope");
  if (said.input !== (await sha256(input)))
    throw new ParleyError("bad_signature", { message: "The sealed input is not the one that the statement names." });
  if (own.member !== caller.member) throw new ParleyError("invalid_argument");
  if (said.deadline <= now) throw new ParleyError("expired", { message: "The task's deadline has passed." });
  if (said.deadline > now + limits.boardLifeMs || (said.notBefore ?? 0) > said.deadline)
    throw new ParleyError("invalid_argument", { message: "The times of the task do not fit, or are too far ahead." });
  return {
    task: said.subject,
    asker: caller.member,
    device: peekStatement("board-task", statement).signer,
    skill: said.skill,
    priority: said.priority,
    created: now,
    ...(said.after === undefined ? {} : { after: said.after }),
    ...(said.acts === undefined ? {} : { acts: said.acts }),
    entries: [statement],
    input,
    own,
    wraps,
    is: { ...newBoardTask({ attempts: said.attempts, readyAt: said.notBefore ?? now, deadline: said.deadline }) } as StoredTask["is"],
  };
}

/** What an asker does to its task later. */
async function act(services: BoardServices, { member }: Caller, task: string, entry: string): Promise<BoardFacts> {
  const { board, now } = services;
  await requireOwn(board, task, member);
  const at = now();
  const peeked = peekStatement("board-act", entry);
  const brings = async (stored: StoredTask): Promise<Partial<StoredTask>> => {
    await verifyBoardAct(entry, stored.entries, signerOf(services, member));
    return { entries: [...stored.entries, entry] };
  };
  if (peeked.act === "canceled") return board.facts(await board.move(task, { act: "cancel", at }, brings));
  if (peeked.act !== "retried") throw new ParleyError("invalid_argument");
  const { entries } = await board.tasks.get(task, member);
  const first = peekStatement("board-task", entries[0] ?? "");
  if (entries.length + first.attempts > limits.boardEntries) throw new ParleyError("limit_reached");
  const deadline = at + Math.min(limits.boardLifeMs, Math.max(0, first.deadline - first.iat));
  return board.facts(await board.move(task, { act: "retry", at, attempts: first.attempts, deadline }, brings));
}

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
    if (said.act !== "started") throw new ParleyError("invalid_argument");
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
  const known = board.tasks.index.get(task);
  const at = now();
  const peeked = peekStatement("board-act", entry);
  const brings = async (stored: StoredTask): Promise<Partial<StoredTask>> => {
    const said = await verifyWorkerAct(services, caller, entry, stored, generation);
    if (said.result !== (await sha256(result.sealed)))
      throw new ParleyError("bad_signature", { message: "The sealed result is not the one that the statement names." });
    return { entries: [...stored.entries, entry], result };
  };
  const under = { at, generation, device };
  try {
    if (peeked.act === "completed") return board.facts(await board.move(task, { act: "complete", ...under }, brings));
    if (peeked.act !== "failed") throw new ParleyError("invalid_argument");
    const pauseMs = board.pauseMs(known?.is.starts ?? 1);
    const code = (peeked.code ?? "task_failed") as ErrorCode;
    return board.facts(await board.move(task, { act: "fail", code, pauseMs, ...under }, brings));
  } catch (error) {
    // The same once more, because the answer was lost.
    const stored = toParleyError(error).code === "lease_ended" ? await saidBefore(board, task, entry) : undefined;
    if (stored === undefined) throw error;
    return board.facts(stored);
  }
}

async function saidBefore(board: Board, task: string, entry: string): Promise<StoredTask | undefined> {
  const known = board.tasks.index.get(task);
  const stored = known && (await board.tasks.get(task, known.asker));
  return stored?.entries.includes(entry) === true ? stored : undefined;
}

async function verifyWorkerAct(
  services: BoardServices,
  { member, device }: Pick<Caller, "member" | "device">,
  entry: string,
  { entries }: StoredTask,
  generation: number,
): Promise<Statement<"board-act">> {
  if (peekStatement("board-act", entry).signer !== device)
    throw new ParleyError("forbidden", { message: "A device says what became of its own work only." });
  const said = await verifyBoardAct(entry, entries, signerOf(services, member));
  if (said.generation !== generation) throw new ParleyError("invalid_argument");
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

