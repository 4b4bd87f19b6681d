/** Compares what a run's devices were told with what they did: a pure function over evidence. */
import type { DeliveryClass } from "@parley/protocol";

import type { DeviceLine, Evidence, Party } from "./evidence.ts";
import { Happenings } from "./happenings.ts";
import { type Counts, Findings, type Verdict } from "./verdict.ts";

type LineOf<Type extends DeviceLine["t"]> = DeviceLine & { readonly t: Type };

/** An envelope as its sender saw it. */
interface SentEnvelope {
  readonly id: string;
  readonly sender: string;
  readonly to: Party;
  readonly class: DeliveryClass;
  readonly at: number;
  /** Newest life that said something about it, and the highest rank that it said. */
  life: number;
  rank: number;
  ended: string | undefined;
  /** Devices that it was said to have reached, and when it was said to be handled there. */
  delivered: readonly string[];
  handledSaid: readonly { readonly device: string; readonly at: number }[];
}

/** One run of a handler. */
interface Handling {
  readonly device: string;
  readonly life: number;
  readonly at: number;
  readonly redelivered: boolean;
}

/** Places of a stream that one device handled. */
interface Place {
  life: number;
  /** Highest number in this life, and in all. */
  inLife: number;
  ever: number;
}

const ranks: Readonly<Record<string, number>> = { accepted: 0, stored: 1, delivered: 2, handled: 3, read: 4 };
const ends: readonly string[] = ["expired", "refused", "dead-lettered"];

/** Judges a run. Every line of the evidence is read once. */
export function check(evidence: Evidence): Verdict {
  return new Checker(evidence).run();
}

class Checker {
  readonly #evidence: Evidence;
  readonly #happenings: Happenings;
  readonly #findings = new Findings();
  readonly #parties = new Map<string, Party>();
  readonly #partyOf = new Map<string, Party>();
  readonly #sent = new Map<string, SentEnvelope>();
  readonly #handlings = new Map<string, Handling[]>();
  readonly #worked = new Map<string, number>();
  readonly #answered: { readonly key: string; readonly at: number }[] = [];
  /** Highest accepted number by sender's life, stream and recipient. */
  readonly #highest = new Map<string, number>();
  /** Handled ids that were looked at as nobody's: `created` tells whose life they are from. */
  readonly #origins = new Map<string, { readonly from: string; readonly created: number; readonly to: Party }>();
  readonly #handledAt: number[] = [];
  readonly #counts: Counts = {
    accepted: 0,
    acceptedLive: 0,
    handled: 0,
    handledLive: 0,
    redelivered: 0,
    afterRestart: 0,
    afterHolder: 0,
    acceptedUnseen: 0,
    settledUnseen: 0,
    tasksAsked: 0,
    tasksAnswered: 0,
    tasksFailed: 0,
    longestMs: 0,
    longestGapMs: 0,
    paths: {},
    ends: {},
  };

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
    this.#happenings = new Happenings(evidence);
    for (const party of evidence.parties) {
      this.#parties.set(party.name, party);
      for (const { device } of party.devices) this.#partyOf.set(device, party);
    }
  }

  run(): Verdict {
    for (const process of this.#happenings.endedByThemselves)
      this.#findings.add("process", `${process} ended by itself`);
    for (const [device, lines] of this.#evidence.devices) this.#read(device, lines);
    for (const envelope of this.#sent.values()) this.#judgeEnvelope(envelope);
    for (const id of this.#origins.keys()) if (!this.#sent.has(id)) this.#judgeUnaccepted(id);
    for (const { key, at } of this.#answered)
      if ((this.#worked.get(key) ?? Infinity) > at)
        this.#findings.add("false-state", `task ${key} was answered before anybody worked on it`);
    this.#counts.longestGapMs = longestGap(this.#handledAt);
    return { counts: this.#counts, found: this.#findings.found, findings: this.#findings.kept };
  }

  #read(device: string, lines: Iterable<DeviceLine>): void {
    const own = this.#partyOf.get(device);
    if (own === undefined) throw new Error(`no party has the device ${device}`);
    const places = new Map<string, Place>();
    let life = 0;
    for (const line of lines) {
      switch (line.t) {
        case "life":
          life = line.life;
          break;
        case "accepted":
          this.#accepted(device, life, line);
          break;
        case "state":
          this.#state(life, line);
          break;
        case "handled":
          this.#handled(device, own, life, line, places);
          break;
        case "asked":
          this.#counts.tasksAsked++;
          break;
        case "worked":
          if (this.#worked.has(line.key)) this.#findings.add("double", `task ${line.key} was worked on twice`);
          this.#worked.set(line.key, line.at);
          break;
        case "answered":
          if (line.code === undefined) this.#answered.push(line);
          this.#counts[line.code === undefined ? "tasksAnswered" : "tasksFailed"]++;
          break;
        case "left":
          this.#findings.add("unsettled", `${line.id} to ${line.to} is still in the outbox of ${device}`);
          break;
        case "trouble":
          break;
      }
    }
  }

  #accepted(sender: string, life: number, { id, to, at, class: deliveryClass }: LineOf<"accepted">): void {
    const party = this.#parties.get(to);
    if (party === undefined) throw new Error(`no party is called ${to}`);
    const which = keyOf(id, to);
    if (this.#sent.has(which)) this.#findings.add("false-state", `${which} was accepted twice`);
    const envelope = {
      id,
      sender,
      to: party,
      class: deliveryClass,
      at,
      life,
      rank: 0,
      ended: undefined,
      delivered: [],
      handledSaid: [],
    };
    this.#sent.set(which, envelope);
    this.#counts[deliveryClass === "durable" ? "accepted" : "acceptedLive"]++;
    const { stream, seq } = placeOf(id);
    const key = `${sender} ${life} ${stream} ${to}`;
    if (seq > (this.#highest.get(key) ?? 0)) this.#highest.set(key, seq);
  }

  #state(life: number, { id, to, state, device, code, at }: LineOf<"state">): void {
    const envelope = this.#sent.get(keyOf(id, to));
    // Of what was accepted in the moment of a kill, the next life tells; it is judged by its handling.
    if (envelope === undefined) return;
    const says = `${id} to ${to} was said to be ${state}`;
    if (envelope.life !== life) Object.assign(envelope, { life, rank: 0 });
    if (ends.includes(state)) {
      if (code === undefined && state === "refused") this.#findings.add("false-state", `${says} without a code`);
      if (envelope.delivered.length > 0 && envelope.to.devices.length === 1)
        this.#findings.add("false-state", `${says} after it was delivered`);
      if (envelope.ended !== undefined && envelope.ended !== state)
        this.#findings.add("false-state", `${says} after it was ${envelope.ended}`);
      envelope.ended ??= state;
      return;
    }
    const rank = ranks[state];
    if (rank === undefined) return this.#findings.add("false-state", `${says}, which is no state`);
    if (envelope.ended !== undefined) this.#findings.add("false-state", `${says} after it was ${envelope.ended}`);
    // Devices of one person go forward each for itself; what the node does ends with the first of them.
    const backward = rank < envelope.rank && (rank < 2 || envelope.to.devices.length === 1);
    if (backward) this.#findings.add("false-state", `${says} after a later state`);
    envelope.rank = Math.max(envelope.rank, rank);
    if (rank >= 2 && device !== undefined) {
      if (!envelope.delivered.includes(device)) envelope.delivered = [...envelope.delivered, device];
      if (rank === 3) envelope.handledSaid = [...envelope.handledSaid, { device, at }];
    } else if (rank >= 2) this.#findings.add("false-state", `${says} by no device`);
  }

  #handled(device: string, own: Party, life: number, line: LineOf<"handled">, places: Map<string, Place>): void {
    const { at, redelivered } = line;
    const id = keyOf(line.id, own.name);
    const known = this.#handlings.get(id);
    const inThisLife = known?.some((earlier) => earlier.device === device && earlier.life === life) === true;
    const handling = { device, life, at, redelivered };
    if (known === undefined) this.#handlings.set(id, [handling]);
    else known.push(handling);
    if (!this.#origins.has(id)) this.#origins.set(id, { from: line.from, created: line.created, to: own });
    this.#handledAt.push(at);
    if (inThisLife) return this.#findings.add("double", `${id} was handled twice in life ${life} of ${device}`);
    this.#inOrder(device, life, line, places);
    if (redelivered) this.#account(device, own, life, line);
    if (line.class === "durable") this.#counts.paths[line.path] = (this.#counts.paths[line.path] ?? 0) + 1;
  }

  #inOrder(
    device: string,
    life: number,
    { id, from, redelivered }: LineOf<"handled">,
    places: Map<string, Place>,
  ): void {
    const { stream, seq } = placeOf(id);
    const key = `${from} ${stream}`;
    const place = places.get(key) ?? { life, inLife: 0, ever: 0 };
    if (place.life !== life) Object.assign(place, { life, inLife: 0 });
    const after = redelivered ? place.inLife : Math.max(place.inLife, place.ever);
    if (seq <= after) this.#findings.add("order", `${id} was handled by ${device} after number ${after}`);
    place.inLife = Math.max(place.inLife, seq);
    place.ever = Math.max(place.ever, seq);
    places.set(key, place);
  }

  /** What lay in the journal when a life began, and what an earlier holder may have had, or had for all its sender knew. */
  #account(device: string, own: Party, life: number, { id, from, created, at }: LineOf<"handled">): void {
    this.#counts.redelivered++;
    const { startOf, disturbed } = this.#happenings;
    const started = startOf(device, life);
    const sender = this.#partyOf.get(from);
    const isInDoubt = disturbed(own, created, at) || (sender !== undefined && disturbed(sender, created, at));
    if (life > 1 && started !== undefined && created < started) this.#counts.afterRestart++;
    else if (own.kind === "agent" && own.devices.length > 1 && isInDoubt) this.#counts.afterHolder++;
    else this.#findings.add("unaccounted", `${id} was flagged as redelivered to ${device} in life ${life}`);
  }

  #judgeEnvelope(envelope: SentEnvelope): void {
    const { id, to, delivered, handledSaid, ended } = envelope;
    const handlings = (this.#handlings.get(keyOf(id, to.name)) ?? []).toSorted((one, other) => one.at - other.at);
    this.#judgeRepeats(id, to, handlings);
    for (const device of delivered)
      if (!this.#reached(to, device, handlings))
        this.#findings.add("false-state", `${id} was said to be delivered to ${device}, which never handled it`);
    for (const said of handledSaid)
      if (!handlings.some(({ device, at }) => device === said.device && at <= said.at))
        this.#findings.add("false-state", `${id} was said to be handled by ${said.device}, which had not`);
    if (envelope.class === "live") {
      if (handlings.length > 0) this.#counts.handledLive++;
      return;
    }
    this.#judgeDurable(envelope, handlings);
    if (ended !== undefined) this.#counts.ends[ended] = (this.#counts.ends[ended] ?? 0) + 1;
  }

  /** What one instance committed may be handled by the next holder. */
  #reached(to: Party, device: string, handlings: readonly Handling[]): boolean {
    if (handlings.some((handling) => handling.device === device)) return true;
    return to.kind === "agent" && to.devices.some((own) => own.device === device) && handlings.length > 0;
  }

  #judgeRepeats(id: string, to: Party, handlings: readonly Handling[]): void {
    for (const [index, { device, life, redelivered }] of handlings.entries()) {
      const earlier = handlings
        .slice(0, index)
        .filter((other) => to.kind === "agent" || other.device === device)
        .filter((other) => other.device !== device || other.life !== life);
      if (earlier.length > 0 && !redelivered)
        this.#findings.add("double", `${id} was handled again by ${device} in life ${life} without its flag`);
    }
  }

  #judgeDurable({ id, to, at, sender, ended, delivered }: SentEnvelope, handlings: readonly Handling[]): void {
    const by = new Set(handlings.map(({ device }) => device));
    const missing =
      to.kind === "agent" ? (by.size === 0 ? to.devices : []) : to.devices.filter((own) => !by.has(own.device));
    const had = to.kind === "agent" ? Math.min(by.size, 1) : by.size;
    this.#counts.handled += had;
    const [first] = handlings;
    if (first !== undefined) this.#counts.longestMs = Math.max(this.#counts.longestMs, first.at - at);
    if (ended !== undefined) {
      if (missing.length === 0) this.#findings.add("false-state", `${id} was said to be ${ended}, and was handled`);
      return;
    }
    if (missing.length > 0) {
      const names = missing.map(({ process }) => process).join(", ");
      this.#findings.add("lost", `${id} from ${sender} was accepted at ${at} and never handled by ${names}`);
    } else if (delivered.length === 0) {
      if (this.#happenings.endedAfter(sender, first?.at ?? at)) this.#counts.settledUnseen++;
      else this.#findings.add("unsettled", `${id} was handled and its sender never learned of it`);
    }
  }

  /** Its sender was ended between accepting it and saying so: nothing that it accepted came later in that life. */
  #judgeUnaccepted(id: string): void {
    const origin = this.#origins.get(id);
    if (origin === undefined) return;
    const { from, created, to } = origin;
    const life = this.#happenings.lifeAt(from, created);
    const { stream, seq } = placeOf(id);
    const highest = this.#highest.get(`${from} ${life ?? 0} ${stream} ${to.name}`) ?? 0;
    this.#judgeRepeats(
      id,
      to,
      (this.#handlings.get(id) ?? []).toSorted((one, other) => one.at - other.at),
    );
    if (life !== undefined && this.#happenings.hasEnded(from, life) && seq > highest) this.#counts.acceptedUnseen++;
    else this.#findings.add("invented", `${id} from ${from} was handled and never accepted`);
  }
}

/** An id is one of many that a device gives: it tells apart only what goes to one member. */
const keyOf = (id: string, to: string): string => `${id} ${to}`;

/** Stream epoch and number of an envelope's id. */
function placeOf(key: string): { readonly stream: string; readonly seq: number } {
  const [id = ""] = key.split(" ");
  const dot = id.lastIndexOf(".");
  return { stream: id.slice(0, dot), seq: Number(id.slice(dot + 1)) };
}

function longestGap(times: number[]): number {
  times.sort((one, other) => one - other);
  return times.reduce((most, at, index) => Math.max(most, at - (times[index - 1] ?? at)), 0);
}
