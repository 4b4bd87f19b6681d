/** Hands a task to another member: to the one that is named, or to the least loaded live holder of the skill. */
import { ParleyError } from "@parley/protocol";

import type { DelegationTerms } from "../delegations/delegation-api.ts";
import type { Delegations } from "../delegations/delegations.ts";
import type { Directory } from "../directory.ts";
import type { Gate } from "../gate.ts";
import { checkHops } from "../guards/hops.ts";
import type { LinkOpener } from "../link-opener.ts";
import type { MemberView } from "../member-view.ts";
import type { OwnDevices } from "../own-devices.ts";
import type { Peers } from "../peers.ts";
import type { Recipients } from "../recipients.ts";
import type { Session } from "../session.ts";
import type { UsageMeter } from "../usage-meter.ts";
import { checkCycle } from "./call-cycle.ts";
import { checkSkillInput, checkSkillOutput } from "./card-schemas.ts";
import type { TaskCaller } from "./task-caller.ts";
import type { TaskPlacement } from "./task-placement.ts";
import type { DelegateRequest, TaskRun } from "./task-run.ts";

export interface DelegationOptions {
  readonly own: OwnDevices;
  readonly session: Session;
  readonly directory: Directory;
  readonly peers: Peers;
  readonly opener: LinkOpener;
  readonly placement: TaskPlacement;
  readonly recipients: Recipients;
  readonly gate: Gate;
  readonly meter: UsageMeter;
  readonly delegations: () => Delegations;
}

export class Delegation {
  readonly #options: DelegationOptions;
  readonly #caller: TaskCaller;

  constructor(options: DelegationOptions, caller: TaskCaller) {
    this.#options = options;
    this.#caller = caller;
  }

  async start(to: string | undefined, request: DelegateRequest): Promise<TaskRun> {
    const { peers, opener, placement, recipients, gate } = this.#options;
    const { skill, paths, signal, chain } = request;
    checkHops(request.hops);
    const view = to === undefined ? await this.#holder(skill, chain) : await this.#offering(to, skill);
    checkCycle(view.member, request);
    await this.#options.meter.ready;
    // Where it acts for somebody, that one's rights count; the callee knows.
    if (chain === undefined) gate.checkOwn(view.verified, { action: "call", skill });
    else gate.checkSilence();
    if (chain !== undefined) this.#options.delegations().uses(chain);
    // Whoever is held off could not answer.
    const refusal = gate.refusalOf(view.verified);
    if (refusal !== undefined && refusal.code !== "denied_by_policy") throw refusal;
    const peer = recipients.liveOf(view);
    checkSkillInput(view, request);
    const ended = placement.begin(view, peer.device);
    try {
      const mandate = request.mandate && (await this.#give(view.member, request.mandate, request));
      await opener.approach(peer, paths, signal);
      this.#options.meter.sent();
      const run = this.#caller.start(
        peer,
        { ...request, mandate },
        {
          checkOutput: (output) => checkSkillOutput(view, skill, output),
          reason: () => peers.pathReason(peer, paths),
        },
      );
      run.outcome.then(ended, ended);
      return run;
    } catch (error) {
      ended();
      throw error;
    }
  }

  /** A card that lacks the skill may have been published anew a moment ago, ahead of the push that says so: asked once more. */
  async #offering(to: string, skill: string): Promise<MemberView> {
    const { session, directory, recipients } = this.#options;
    const view = await recipients.member(to);
    if (!session.isOpen || view.card?.skills.some(({ id }) => id === skill) === true) return view;
    return directory.refresh(view.member);
  }

  /** What the callee may do further lasts no longer than the task, unless told. */
  #give(
    to: string,
    { skills, lifeMs }: DelegationTerms,
    { chain, timeLimitMs }: DelegateRequest,
  ): Promise<readonly string[]> {
    const terms = lifeMs ?? timeLimitMs;
    return this.#options.delegations().give(to, { skills, ...(terms === undefined ? {} : { lifeMs: terms }) }, chain);
  }

  async #holder(skill: string, chain: readonly string[] | undefined): Promise<MemberView> {
    const { own, directory, placement, gate } = this.#options;
    const holders = (await directory.holders(skill, own.identity.member)).filter(
      ({ verified }) =>
        (chain !== undefined || gate.mayCall(verified, skill)) && gate.refusalOf(verified) === undefined,
    );
    const loads = new Map(holders.map((view) => [view, placement.loadOfMember(view)]));
    const [holder] = holders.toSorted((one, other) => (loads.get(one) ?? 0) - (loads.get(other) ?? 0));
    if (holder === undefined) throw new ParleyError("no_holder", { message: `No live agent offers ${skill}.` });
    return holder;
  }
}
