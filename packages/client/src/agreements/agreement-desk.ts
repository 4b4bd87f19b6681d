/** Agreements of a device: its own acts, those of others, and the time that each waits. */
import {
  type Clock,
  exportTimeline,
  membersOf,
  type MeshTrust,
  partyOf,
  type Random,
  type TimelineParty,
  type VerifiedMember,
} from "@parley/core";
import {
  type AgreementAct,
  type AgreementBody,
  agreementBodySchema,
  decodeJson,
  type Envelope,
  envelopeKinds,
  id16Schema,
  limits,
  ParleyError,
  toBase64url,
  toParleyError,
} from "@parley/protocol";

import { bodyOf, textOf } from "../body.ts";
import type { Directory } from "../directory.ts";
import type { DurableStreams } from "../durable-streams.ts";
import type { Gate } from "../gate.ts";
import type { Notices } from "../notices.ts";
import type { OwnDevices } from "../own-devices.ts";
import type { Session } from "../session.ts";
import type {
  AgreementApi,
  AgreementSummary,
  AgreementView,
  NewAgreement,
  NextAct,
  OfferQuery,
} from "./agreement-api.ts";
import { AgreementBook, type HeldAgreement, type KeptAgreements } from "./agreement-book.ts";
import type { Act } from "./agreement-book.ts";
import { AgreementIntake } from "./agreement-intake.ts";
import { AgreementViews } from "./agreement-views.ts";
import { AgreementWaits } from "./agreement-waits.ts";
import { Lanes } from "./lanes.ts";
import { Offers } from "./offers.ts";
import { OwnActs } from "./own-acts.ts";

export interface AgreementDeskOptions {
  readonly kept: KeptAgreements;
  readonly own: OwnDevices;
  readonly trust: MeshTrust;
  readonly gate: Gate;
  readonly directory: Directory;
  readonly session: Session;
  readonly streams: () => DurableStreams;
  readonly clock: Clock;
  readonly random: Random;
  readonly isBlocked: (member: string) => boolean;
  readonly admits: (member: VerifiedMember) => Promise<boolean>;
  readonly nameOf: (member: string) => Promise<string | undefined>;
  readonly notices: Notices;
}

/** What a proposal says of its life by itself. */
const defaultLifeMs = 86_400_000;
const nobodyYet: HeldAgreement = { acts: [], facts: undefined, pending: undefined, told: 0 };

export class AgreementDesk implements AgreementApi {
  readonly #options: AgreementDeskOptions;
  readonly #book: AgreementBook;
  readonly #intake: AgreementIntake;
  readonly #views: AgreementViews;
  readonly #acts: OwnActs;
  readonly #offers: Offers;
  readonly #lanes = new Lanes();
  readonly #waits: AgreementWaits;

  constructor(options: AgreementDeskOptions) {
    this.#options = options;
    const { trust, directory, gate, session, notices, nameOf, admits, isBlocked } = options;
    const own = (): string => options.own.identity.member;
    const now = (): number => session.registryTime;
    const heads = (agreement: string) => session.request("agreement.heads", { agreement });
    const onRefused = notices.refused;
    this.#book = new AgreementBook(options.kept);
    const book = this.#book;
    this.#views = new AgreementViews({ own, now, nameOf });
    this.#intake = new AgreementIntake({ book, trust, directory, gate, own, now, heads, isBlocked, admits, onRefused });
    const intake = this.#intake;
    this.#acts = new OwnActs({
      book,
      trust,
      own: options.own,
      now,
      heads,
      advance: (body) => session.request("agreement.advance", body),
      send: (member, body) => this.#send(member, body),
      keepParty: async (device) => intake.keepParty(await directory.current(own()), device),
      onDone: (act, held) => this.#tell(act, held),
      onRefused,
    });
    const { clock, random } = options;
    this.#waits = new AgreementWaits({
      book,
      session,
      clock,
      random,
      expire: (agreement) => this.#expire(agreement),
      settle: (agreement) => this.#settle(agreement),
    });
    // Who was let in may have proposed something before.
    notices.watch((event) => {
      if (event.type === "contact") this.#settleOf(event.contact.member);
    });
    this.#offers = new Offers({
      trust,
      request: (body) => session.request("agreement.offers", body),
      keyOf: (member, device) => intake.keyOf(member, device),
      nameOf,
      onRefused,
    });
  }

  async propose(to: string | undefined, proposal: NewAgreement): Promise<AgreementView> {
    const { gate, directory, random, session } = this.#options;
    const { terms, lifeMs = defaultLifeMs, worksMyself = false, arbiter } = proposal;
    const recipient = to === undefined ? undefined : (await directory.get(to)).verified;
    if (recipient === undefined) gate.checkSilence();
    else gate.checkOwn(recipient, { action: "message" });
    const act: AgreementAct = {
      type: "propose",
      ...(recipient === undefined ? {} : { to: recipient.member }),
      worker: worksMyself ? "proposer" : "recipient",
      ...(arbiter === undefined ? {} : { arbiter: (await directory.get(arbiter)).member }),
      terms,
      until: Math.round(session.registryTime + lifeMs),
    };
    const agreement = toBase64url(random.bytes(16));
    return this.#lanes.run(agreement, () => this.#do(agreement, nobodyYet, act));
  }

  async act(reference: string, next: NextAct): Promise<AgreementView> {
    const { gate, session } = this.#options;
    gate.checkSilence();
    const agreement = this.#book.find(reference);
    const { type } = next;
    const act: AgreementAct =
      type === "counter"
        ? { type, terms: next.terms, until: Math.round(session.registryTime + (next.lifeMs ?? defaultLifeMs)) }
        : next;
    return this.#lanes.run(agreement, async () => {
      await this.#acts.resume(agreement);
      const held = this.#held(agreement);
      if (held.pending !== undefined)
        throw new ParleyError("conflict", {
          message: "An earlier act waits for the registry; nothing comes before it.",
        });
      return this.#do(agreement, held, act);
    });
  }

  async take(reference: string): Promise<AgreementView> {
    const { gate, directory } = this.#options;
    const agreement = id16Schema.safeParse(reference).success ? reference : await this.#offerLike(reference);
    return this.#lanes.run(agreement, async () => {
      if (this.#book.get(agreement) !== undefined)
        throw new ParleyError("act_not_allowed", { message: "This device has a part in this agreement already." });
      const offer = await this.#offers.find(agreement);
      gate.checkOwn(await directory.current(offer.statement.by), { action: "message" });
      return this.#do(agreement, { ...nobodyYet, acts: [offer] }, { type: "accept" });
    });
  }

  offers(query: OfferQuery = {}): ReturnType<AgreementApi["offers"]> {
    return this.#offers.list(query);
  }

  async list(): Promise<readonly AgreementSummary[]> {
    const views = await Promise.all(this.#book.all().map(([, held]) => this.#views.summary(held)));
    return views
      .filter((view) => view !== undefined)
      .toSorted((one, other) => other.changed - one.changed || (one.agreement < other.agreement ? -1 : 1));
  }

  async get(reference: string): Promise<AgreementView> {
    return this.#view(this.#held(this.#book.find(reference)));
  }

  async export(reference: string): Promise<string> {
    const { trust, directory } = this.#options;
    const subject = this.#book.find(reference);
    const { acts, facts } = this.#held(subject);
    const parties = new Map<string, TimelineParty>();
    for (const member of facts === undefined ? [] : membersOf(facts)) {
      const record = directory.known(member)?.verified.record;
      const party = this.#book.party(member) ?? (record && partyOf(record));
      if (party !== undefined) parties.set(member, party);
    }
    const { mesh, operators } = trust;
    return exportTimeline({ kind: "agreement", mesh, subject, operators: operators.chain, parties, entries: acts });
  }

  /** Takes an envelope before it is acknowledged; resolves when what came is on disk. What cannot be read is of a later version. */
  async takeEnvelope(from: VerifiedMember, { body }: Envelope): Promise<void> {
    const { notices } = this.#options;
    const said = decodeJson(agreementBodySchema, textOf(body), limits.envelopeBytes);
    if (!said.ok) return notices.refused(new ParleyError(said.code, { message: said.message }), from.name);
    if (!(await this.#intake.keep(from, said.value))) return;
    this.#settle(said.value.agreement);
  }

  /** A session begins: what was cut short goes on, and what came in its absence is looked at. */
  onSession(): void {
    const waiting = new Set(this.#book.arrivals().map(({ agreement }) => agreement));
    for (const [agreement, { pending, told, acts }] of this.#book.all())
      if (pending !== undefined || told < acts.length) waiting.add(agreement);
    for (const agreement of waiting) this.#settle(agreement);
    this.#waits.look();
  }

  stop(): void {
    this.#waits.stop();
  }

  async #do(agreement: string, held: HeldAgreement, act: AgreementAct): Promise<AgreementView> {
    const done = await this.#acts.next(agreement, held, act);
    this.#waits.look();
    return this.#view(done);
  }

  #settle(agreement: string): void {
    const { notices } = this.#options;
    this.#lanes
      .run(agreement, async () => {
        await this.#acts.resume(agreement);
        for (const { act, held } of await this.#intake.settle(agreement)) this.#tell(act, held);
        this.#waits.look();
      })
      .catch((error: unknown) => {
        this.#waits.look();
        if (!toParleyError(error).retryable) notices.failed(error);
      });
  }

  #settleOf(member: string): void {
    for (const { agreement, from } of this.#book.arrivals()) if (from === member) this.#settle(agreement);
  }

  #tell(act: Act, held: HeldAgreement): void {
    const { notices } = this.#options;
    Promise.all([this.#views.act(act), this.#views.summary(held)]).then(([done, agreement]) => {
      if (agreement !== undefined) notices.emit({ type: "agreement", agreement, act: done });
    }, notices.failed);
  }

  #expire(agreement: string): Promise<void> {
    return this.#lanes.run(agreement, async () => {
      const held = this.#book.get(agreement);
      const { until } = held?.facts ?? {};
      if (held === undefined || until === undefined || until >= this.#options.session.registryTime) return;
      await this.#acts.next(agreement, held, { type: "expire" });
    });
  }

  async #offerLike(reference: string): Promise<string> {
    const { offers } = await this.#offers.list({});
    const found = offers.filter(({ agreement }) => agreement.startsWith(reference));
    const [only, another] = found;
    if (only === undefined || another !== undefined)
      throw new ParleyError(only === undefined ? "not_found" : "invalid_argument", {
        message: `${only === undefined ? "No" : "More than one"} open offer begins with ${reference}; see \`parley agreement offers\`.`,
      });
    return only.agreement;
  }

  #held(agreement: string): HeldAgreement {
    const held = this.#book.get(agreement);
    if (held?.facts === undefined) throw new ParleyError("not_found");
    return held;
  }

  async #view(held: HeldAgreement): Promise<AgreementView> {
    const view = await this.#views.view(held);
    if (view === undefined) throw new ParleyError("not_found");
    return view;
  }

  async #send(member: string, body: AgreementBody): Promise<void> {
    const { streams, session } = this.#options;
    const head = {
      kind: envelopeKinds.agreement,
      critical: true,
      created: Math.round(session.registryTime),
      ttl: 0,
      hops: 0,
      trace: undefined,
      origin: undefined,
    };
    const stream = await streams().to(member, undefined);
    await stream.accept(head, bodyOf(body));
  }
}
