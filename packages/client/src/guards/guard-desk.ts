/** `GuardApi` over the journal: one bounded document, written whole on each change. */
import type { Clock, Journal, MeshTrust } from "@parley/core";
import { ParleyError, parseJson, visible } from "@parley/protocol";
import { z } from "zod";

import type { ContactBook } from "../conversations/contact-book.ts";
import type { DeviceOptions } from "../device-options.ts";
import type { Directory } from "../directory.ts";
import type { Exchanges } from "../exchanges.ts";
import type { Notices } from "../notices.ts";
import type { AttentionMode, AttentionView, GuardApi, HeldClient, LoopStop, Standing } from "./guard-api.ts";
import { type Outgoing, outgoingOf } from "./outgoing.ts";
import { standingOf } from "./sender-trust.ts";

export interface GuardDeskOptions {
  readonly settings: Pick<DeviceOptions, "redact" | "strangers">;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly contacts: ContactBook;
  readonly directory: Directory;
  readonly exchanges: Pick<Exchanges, "conversations">;
  readonly notices: Notices;
  readonly trust: Pick<MeshTrust, "policy">;
}

/** Conversations that stand still, people of edges that wait, and such that were admitted: the oldest give way. */
const mostLoops = 64;
const mostHeld = 48;
const mostAdmitted = 128;
const mostCharacters = 128 * 1024;
const mostName = 64;
const stateKey = "guards";

const clientSchema = z.object({
  id: z.string().max(128),
  name: z.string().max(mostName),
  edge: z.string().max(mostName),
  standing: z.enum(["proven", "unproven", "keyless"]),
  at: z.number(),
  times: z.int().min(1),
});
const storedSchema = z.object({
  attention: z
    .object({ mode: z.enum(["open", "mentions", "do-not-disturb"]), until: z.number().optional() })
    .optional(),
  loops: z
    .array(
      z.object({
        conversation: z.string().max(128),
        name: z.string().max(mostName),
        since: z.number(),
        quietMs: z.number(),
        reason: z.enum(["repeats", "acknowledges", "no-news"]),
      }),
    )
    .max(mostLoops),
  held: z.array(clientSchema).max(mostHeld),
  admitted: z.array(z.string().max(128)).max(mostAdmitted),
});
type Stored = z.infer<typeof storedSchema>;

const nothing: Stored = { loops: [], held: [], admitted: [] };

export class GuardDesk implements GuardApi {
  readonly #options: GuardDeskOptions;
  #redacts: boolean;
  #state: Stored | undefined;
  #order: Promise<unknown> = Promise.resolve();

  constructor(options: GuardDeskOptions) {
    this.#options = options;
    this.#redacts = options.settings.redact ?? false;
  }

  readonly outgoing: Outgoing = outgoingOf(() => this.#redacts);

  async standingOf(member: string, { asks = false }: { asks?: boolean } = {}): Promise<Standing> {
    const { directory, contacts, exchanges } = this.#options;
    const { verified } = directory.known(member) ?? (await directory.get(member));
    const { kind, roles } = verified;
    const contact = contacts.of(member);
    const isBlocked = contact?.standing === "blocked";
    const waits = !isBlocked && !exchanges.conversations.contacts.isWelcome(member);
    if (waits && asks) await exchanges.conversations.contacts.admits(verified);
    const tags = this.#options.trust.policy.tagsOf(verified.name);
    return { kind, roles, ...standingOf(verified, contact), waits, isBlocked, tags };
  }

  async attention(): Promise<AttentionView> {
    return this.#attentionOf(await this.#open());
  }

  async setAttention(mode: AttentionMode | undefined, { forMs }: { forMs?: number } = {}): Promise<AttentionView> {
    const until = forMs === undefined ? undefined : this.#options.clock.now() + forMs;
    const state = await this.#change(({ loops, held, admitted }) => ({
      loops,
      held,
      admitted,
      ...(mode === undefined ? {} : { attention: { mode, ...(until === undefined ? {} : { until }) } }),
    }));
    const view = this.#attentionOf(state);
    this.#options.notices.emit({ type: "attention", ...view });
    return view;
  }

  async loops(): Promise<readonly LoopStop[]> {
    return (await this.#open()).loops;
  }

  async stopLoop(loop: LoopStop): Promise<boolean> {
    let isNew = false;
    await this.#change((state) => {
      isNew = !state.loops.some(({ conversation }) => conversation === loop.conversation);
      return isNew ? { ...state, loops: [...state.loops, nameless(loop)].slice(-mostLoops) } : state;
    });
    if (isNew) this.#options.notices.emit({ type: "loop", state: "stopped", loop });
    return isNew;
  }

  async resumeLoop(conversation: string): Promise<boolean> {
    let resumed: LoopStop | undefined;
    await this.#change((state) => {
      resumed = state.loops.find((loop) => loop.conversation === conversation);
      return { ...state, loops: state.loops.filter((loop) => loop !== resumed) };
    });
    if (resumed === undefined) return false;
    this.#options.notices.emit({ type: "loop", state: "resumed", loop: resumed });
    return true;
  }

  async held(): Promise<readonly HeldClient[]> {
    return (await this.#open()).held;
  }

  async hold(client: Pick<HeldClient, "id" | "name" | "edge" | "standing">): Promise<boolean> {
    if (this.#options.settings.strangers === "take" || (await this.#open()).admitted.includes(client.id)) return true;
    const at = this.#options.clock.now();
    let entry: HeldClient = { ...client, name: nameOf(client.name), at, times: 1 };
    await this.#change((state) => {
      const before = state.held.find(({ id }) => id === client.id);
      entry = { ...entry, times: (before?.times ?? 0) + 1 };
      return { ...state, held: [...state.held.filter((each) => each !== before), entry].slice(-mostHeld) };
    });
    this.#options.notices.emit({ type: "held", client: entry });
    return false;
  }

  async admit(id: string): Promise<void> {
    const { held } = await this.#open();
    if (!held.some((client) => client.id === id))
      throw new ParleyError("not_found", { message: "Nobody of this id waits; see `parley guard list`." });
    await this.#change((state) => ({
      ...state,
      held: state.held.filter((client) => client.id !== id),
      admitted: [...state.admitted, id].slice(-mostAdmitted),
    }));
  }

  redact(on: boolean): Promise<void> {
    this.#redacts = on;
    return Promise.resolve();
  }

  #attentionOf({ attention }: Stored): AttentionView {
    const isOver = attention?.until !== undefined && attention.until <= this.#options.clock.now();
    return { mode: isOver ? undefined : attention?.mode, until: isOver ? undefined : attention?.until };
  }

  /** One change after the other; on disk when it resolves. */
  #change(change: (state: Stored) => Stored): Promise<Stored> {
    const done = this.#order.then(async () => {
      const before = await this.#open();
      const after = change(before);
      if (after === before) return before;
      await this.#options.journal.putState(stateKey, new TextEncoder().encode(JSON.stringify(after)));
      this.#state = after;
      return after;
    });
    this.#order = done.catch(() => undefined);
    return done;
  }

  async #open(): Promise<Stored> {
    if (this.#state !== undefined) return this.#state;
    const bytes = await this.#options.journal.getState(stateKey);
    const json = bytes === undefined ? undefined : parseJson(new TextDecoder().decode(bytes), mostCharacters);
    const stored = json?.ok === true ? storedSchema.safeParse(json.value) : undefined;
    // What cannot be read holds nothing back: the guards begin anew, and say nothing that they do not know.
    return (this.#state ??= stored?.success === true ? stored.data : nothing);
  }
}

const nameOf = (name: string): string => visible(name).slice(0, mostName);

function nameless(loop: LoopStop): LoopStop {
  return { ...loop, name: nameOf(loop.name) };
}
