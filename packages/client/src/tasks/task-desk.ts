/** The direct tasks of a device as its program and its commands see them: asked for, and worked on. */
import { exportTimeline, type MeshTrust, partyOf, readEntry, type TimelineParty } from "@parley/core";
import { ParleyError, type Task } from "@parley/protocol";

import type { Directory } from "../directory.ts";
import type { OwnDevices } from "../own-devices.ts";
import type { Peer } from "../peer.ts";
import type { Peers } from "../peers.ts";
import type { AskedTask, AskedTasks } from "./asked-tasks.ts";
import { checkSkillOutput } from "./card-schemas.ts";
import type { TaskApi, TaskView } from "./task-api.ts";
import type { TaskCallee } from "./task-callee.ts";
import type { TaskCaller } from "./task-caller.ts";
import type { TaskRun } from "./task-run.ts";
import { verifyTimeline } from "./task-timeline.ts";

export interface TaskDeskOptions {
  readonly asked: AskedTasks;
  readonly caller: TaskCaller;
  readonly callee: TaskCallee;
  readonly directory: Directory;
  readonly peers: Peers;
  readonly own: OwnDevices;
  readonly trust: Pick<MeshTrust, "mesh" | "operators">;
  readonly nameOf: (member: string) => Promise<string>;
}

export class TaskDesk implements TaskApi {
  readonly #options: TaskDeskOptions;

  constructor(options: TaskDeskOptions) {
    this.#options = options;
  }

  async list(): Promise<readonly TaskView[]> {
    const { asked, callee, nameOf } = this.#options;
    const mine = asked.all().map((task): TaskView => {
      const { contextId, ended, code, paths: _, ...rest } = task;
      return { ...rest, role: "asked", contextId, ended, code };
    });
    const worked: TaskView[] = [];
    for (const task of callee.views()) worked.push({ ...task, role: "worked", name: await nameOf(task.member) });
    return [...mine, ...worked].toSorted((one, other) => one.began - other.began);
  }

  async follow(
    id: string,
    { after, signal }: { readonly after?: number; readonly signal?: AbortSignal } = {},
  ): Promise<TaskRun> {
    const { caller, directory, peers } = this.#options;
    const task = this.#asked(id);
    const peer = await this.#peerOf(task);
    const view = await directory.get(task.member);
    return caller.follow(peer, task, after ?? task.last, signal, {
      checkOutput: (output) => checkSkillOutput(view, task.skill, output),
      reason: () => peers.pathReason(peer, task.paths),
    });
  }

  async get(id: string): Promise<Task> {
    const { callee, caller } = this.#options;
    const own = callee.find(id);
    if (own !== undefined) return own.task;
    return caller.ask(await this.#peerOf(this.#asked(id)), "GetTask", id);
  }

  async cancel(id: string): Promise<Task> {
    const { callee, caller } = this.#options;
    const own = callee.find(id);
    if (own === undefined) return caller.ask(await this.#peerOf(this.#asked(id)), "CancelTask", id);
    if (own.ended) throw new ParleyError("task_not_cancelable");
    own.abort(new ParleyError("canceled", { message: "The agent's own program stopped the task." }));
    return own.task;
  }

  async export(id: string): Promise<string> {
    const { callee, caller, own, trust, directory } = this.#options;
    const held = callee.find(id);
    const worker = held === undefined ? this.#asked(id).member : own.identity.member;
    const compact =
      held === undefined ? await caller.timeline(await this.#peerOf(this.#asked(id)), id) : await callee.timeline(held);
    const { verified } = await directory.get(worker);
    await verifyTimeline(compact, trust.mesh, id, verified);
    const parties = new Map<string, TimelineParty>([[worker, partyOf(verified.record)]]);
    const entries = await Promise.all(compact.map((entry) => readEntry("task", entry)));
    const operators = trust.operators.chain;
    return exportTimeline({ kind: "task", mesh: trust.mesh, subject: id, operators, parties, entries });
  }

  #asked(id: string): AskedTask {
    const [task, another] = this.#options.asked.byId(id);
    if (task === undefined)
      throw new ParleyError("task_not_found", {
        message: `This device remembers no task ${id}; those that ended within a moment are not kept.`,
      });
    if (another !== undefined)
      throw new ParleyError("conflict", { message: `Two agents gave the id ${id} to a task.` });
    return task;
  }

  /** The device that works on it: no other one knows it. */
  async #peerOf({ member, device, name }: AskedTask): Promise<Peer> {
    const { directory, peers } = this.#options;
    const view = await directory.get(member);
    const peer = peers.peer(view.verified, device);
    peers.onPresence(view);
    directory.watch(member);
    if (!peer.connected && peer.link === undefined)
      throw new ParleyError("not_connected", {
        message: `@${name} is not connected on the device that works on this.`,
      });
    return peer;
  }
}
