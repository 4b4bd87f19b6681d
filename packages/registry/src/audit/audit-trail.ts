/**
 * The audit trail of a node: takes acts from all over the node, writes them down in the order in which they came, many in one
 * commit, signs heads over them, and trims what is too old or too much under a signed checkpoint.
 *
 * An act is done first, then written down, then answered: whoever waits for `record` before it answers leaves no answered act without
 * its entry. A crash in between leaves the act, unanswered and without an entry. Recording never fails an act: what cannot be written
 * is kept and tried again, and what could not be kept is counted in an entry `audit.lost`.
 */
import { type Clock, type Log, type Records, type Signer, systemClock, type Timer } from "@parley/core";
import {
  type AuditAct,
  auditActTable,
  type AuditBy,
  auditEntrySchema,
  type AuditFacts,
  type ErrorCode,
  toParleyError,
} from "@parley/protocol";

import type { RegistryBounds } from "../bounds.ts";
import type { RegistryLog } from "../options.ts";
import { AuditCheckpoints } from "./audit-checkpoints.ts";
import { AuditHeads } from "./audit-heads.ts";
import { type AuditDraft, AuditLog } from "./audit-log.ts";
import { AuditThrottle } from "./audit-throttle.ts";

/** An act to be written down. */
export interface AuditRecord {
  readonly act: AuditAct;
  readonly by: AuditBy;
  /** Id of what it was done to. */
  readonly subject?: string | undefined;
  /** The code that ended it. Default: it was done. */
  readonly code?: ErrorCode | undefined;
  /** Ids, codes, words and numbers; never content, a label or a secret. */
  readonly facts?: AuditFacts | undefined;
}

/** Where acts are written down: what other parts of a node need to know of the trail. */
export interface AuditRecorder {
  /**
   * Writes an act down. Resolves once it is on disk, or cannot be for now; never rejects. What may come in floods, so all that
   * ended with a code and all acts of members and of those without proof, is only counted beyond a rate. Whoever has nothing to answer
   * for does not wait.
   */
  record(act: AuditRecord): Promise<void>;
  /** Does an act and writes down what came of it, then answers. */
  watched<Value>(act: AuditRecord, work: () => Value | Promise<Value>): Promise<Value>;
}

export interface AuditTrailOptions {
  readonly log: Log;
  readonly records: Records;
  readonly nodeKey: Signer;
  readonly clock?: Clock;
  /** Id of the mesh, once it is claimed. */
  readonly mesh: () => string | undefined;
  readonly bounds: Pick<
    RegistryBounds,
    | "auditEntries"
    | "auditAgeMs"
    | "auditWaiting"
    | "auditHeadMs"
    | "auditFlushMs"
    | "auditAddressBurst"
    | "auditMemberBurst"
  >;
  /** A newer head, not more often than `auditHeadMs`. */
  readonly onHead: (head: string) => void;
  readonly report: RegistryLog;
}

interface Waiting {
  readonly draft: AuditDraft;
  /** Whoever waits is told once, whatever became of the write. */
  resolve: () => void;
}

/** Whose acts are written down one by one, however many. */
const unbounded: readonly string[] = ["operator", "node"];
/** Entries of one commit. */
const mostInCommit = 64;
/** One more entry of an address, of all addresses, of a member, in so many ms. */
const addressEveryMs = 600_000;
const addressesEveryMs = 60_000;
const memberEveryMs = 30_000;
/** One address gets this part of what all have. */
const addressesPerBurst = 20;
/** Tries to write what waits when the node ends. */
const triesAtClose = 5;
const tryAgainMs = 1000;

export class AuditTrail implements AuditRecorder {
  readonly #options: AuditTrailOptions;
  readonly #clock: Clock;
  readonly log: AuditLog;
  readonly checkpoints: AuditCheckpoints;
  readonly #heads: AuditHeads;
  readonly #throttle: AuditThrottle;
  #waiting: Waiting[] = [];
  #lost = 0;
  #draining: Promise<void> | undefined;
  #again: Timer | undefined;
  #announcing: Timer | undefined;
  #announcedAt = Number.NEGATIVE_INFINITY;
  #flushedAt: number;
  #isOpen = false;
  #isClosed = false;
  #isTrimming = false;

  constructor(options: AuditTrailOptions) {
    this.#options = options;
    const { log, records, nodeKey, clock = systemClock, mesh, bounds } = options;
    this.#clock = clock;
    this.#flushedAt = clock.monotonic();
    this.log = new AuditLog(log, nodeKey.id);
    const signing = { nodeKey, mesh, now: () => clock.now() };
    this.checkpoints = new AuditCheckpoints({ records, ...signing });
    this.#heads = new AuditHeads({ log: this.log, ...signing });
    this.#throttle = new AuditThrottle({
      node: nodeKey.id,
      monotonic: () => clock.monotonic(),
      perAddress: { burst: Math.ceil(bounds.auditAddressBurst / addressesPerBurst), everyMs: addressEveryMs },
      addresses: { burst: bounds.auditAddressBurst, everyMs: addressesEveryMs },
      perMember: { burst: bounds.auditMemberBurst, everyMs: memberEveryMs },
    });
  }

  /** Reads where the log stands, and finishes a trim that was cut short. What came before waits until then. */
  async open(): Promise<void> {
    const trimmed = await this.checkpoints.load();
    await this.log.open(trimmed);
    if (trimmed !== undefined && trimmed.number >= this.log.first) {
      const cut = await this.log.cut(trimmed.number);
      if (cut !== undefined && cut.number <= trimmed.number) await this.log.trim(cut);
    }
    this.#isOpen = true;
    this.#drain();
  }

  record(act: AuditRecord): Promise<void> {
    const draft = this.#draft(act);
    if (draft === undefined) return Promise.resolve();
    const isOrderly = act.code === undefined && unbounded.includes(auditActTable[act.act].of);
    if (!isOrderly && !this.#throttle.take(act.act, act.by, draft)) return Promise.resolve();
    return this.#put(draft);
  }

  async watched<Value>(act: AuditRecord, work: () => Value | Promise<Value>): Promise<Value> {
    try {
      const value = await work();
      await this.record(act);
      return value;
    } catch (error) {
      void this.record({ ...act, code: toParleyError(error).code });
      throw error;
    }
  }

  /** The newest head, signed; undefined while nobody has claimed the mesh. */
  head(): Promise<string | undefined> {
    return this.#heads.current();
  }

  /** Writes down what was counted, and looks for what is too old. Called now and then. */
  async sweep(): Promise<void> {
    if (this.#clock.monotonic() - this.#flushedAt >= this.#options.bounds.auditFlushMs) this.#flush();
    await this.#settled();
    await this.#trim();
  }

  /** Writes down what waits; what the store does not take after a few tries is given up. */
  async close(): Promise<void> {
    this.#flush();
    this.#announcing?.cancel();
    for (let tries = 0; tries < triesAtClose; tries++) {
      this.#again?.cancel();
      this.#again = undefined;
      this.#drain();
      await this.#settled();
      if (this.#waiting.length === 0) break;
    }
    this.#isClosed = true;
    this.#again?.cancel();
    this.#announcing?.cancel();
    const entries = this.#waiting.length + this.#lost;
    if (this.#waiting.length > 0) this.#options.report("error", "audit.lost", { entries, code: "storage_unavailable" });
  }

  #flush(): void {
    this.#flushedAt = this.#clock.monotonic();
    for (const draft of this.#throttle.flush()) void this.#put(draft);
  }

  /** An entry that is not of its form would stop the chain: it is left out, and told. */
  #draft({ act, by, subject, code, facts }: AuditRecord): AuditDraft | undefined {
    const draft: AuditDraft = {
      act,
      by,
      at: this.#clock.now(),
      outcome: code ?? "done",
      ...(subject === undefined ? {} : { subject }),
      ...(facts === undefined ? {} : { facts }),
    };
    const parsed = draftSchema.safeParse(draft);
    if (parsed.success) return draft;
    this.#options.report("error", "audit.failed", { act, code: "invalid_argument" });
    this.#lost++;
    return undefined;
  }

  #put(draft: AuditDraft): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    if (this.#waiting.length >= this.#options.bounds.auditWaiting) {
      this.#lost++;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      this.#waiting.push({ draft, resolve });
      this.#drain();
    });
  }

  #drain(): void {
    if (!this.#isOpen || this.#isClosed || this.#draining !== undefined || this.#waiting.length === 0) return;
    this.#draining = this.#write().finally(() => {
      this.#draining = undefined;
      if (this.#again === undefined) this.#drain();
    });
  }

  async #settled(): Promise<void> {
    while (this.#draining !== undefined) await this.#draining;
  }

  /** One commit after the other; those that came meanwhile share the next. */
  async #write(): Promise<void> {
    // Whatever one turn brings is one commit.
    await Promise.resolve();
    const lost = this.#lost;
    const batch = this.#waiting.slice(0, mostInCommit);
    const drafts = batch.map(({ draft }) => draft);
    if (lost > 0) drafts.push(this.#lostDraft(lost));
    try {
      await this.log.append(drafts);
    } catch (error) {
      this.#options.report("error", "audit.failed", { code: toParleyError(error).code });
      for (const each of batch) each.resolve();
      this.#again ??= this.#clock.setTimer(tryAgainMs, () => {
        this.#again = undefined;
        this.#drain();
      });
      return;
    }
    this.#lost -= lost;
    this.#waiting.splice(0, batch.length);
    for (const each of batch) each.resolve();
    this.#announceSoon();
    if (this.log.size > this.#options.bounds.auditEntries)
      await this.#trim().catch((error: unknown) =>
        this.#options.report("error", "audit.failed", { code: toParleyError(error).code }),
      );
  }

  #lostDraft(entries: number): AuditDraft {
    const { nodeKey } = this.#options;
    return { act: "audit.lost", by: { node: nodeKey.id }, at: this.#clock.now(), outcome: "done", facts: { entries } };
  }

  #announceSoon(): void {
    const { auditHeadMs } = this.#options.bounds;
    if (this.#announcing !== undefined || this.#isClosed) return;
    const wait = this.#announcedAt + auditHeadMs - this.#clock.monotonic();
    this.#announcing = this.#clock.setTimer(Math.max(0, wait), () => {
      this.#announcing = undefined;
      this.#announcedAt = this.#clock.monotonic();
      this.head().then(
        (head) => {
          if (head !== undefined) this.#options.onHead(head);
        },
        (error: unknown) => this.#options.report("error", "audit.failed", { code: toParleyError(error).code }),
      );
    });
  }

  async #trim(): Promise<void> {
    if (this.#isTrimming) return;
    this.#isTrimming = true;
    await this.#trimOnce().finally(() => (this.#isTrimming = false));
  }

  /** A checkpoint first, then its entry, then the trim: whatever a crash leaves is finished at the next start. */
  async #trimOnce(): Promise<void> {
    const { auditEntries, auditAgeMs } = this.#options.bounds;
    const last = await this.#lastToGo(auditEntries, auditAgeMs);
    if (last === undefined) return;
    const cut = await this.log.cut(last);
    if (cut === undefined || cut.number < this.log.first || cut.number >= this.log.tail.number) return;
    const checkpoint = await this.checkpoints.sign(this.log.first, cut);
    if (checkpoint === undefined) return;
    const facts = { from: this.log.first, to: cut.number };
    const { nodeKey } = this.#options;
    const by = { node: nodeKey.id };
    await this.log.append([
      { act: "audit.trimmed", by, at: this.#clock.now(), outcome: "done", subject: checkpoint, facts },
    ]);
    await this.log.trim(cut);
  }

  /** The number of the newest entry that is to go; undefined when none is. */
  async #lastToGo(most: number, ageMs: number): Promise<number | undefined> {
    const { first, size } = this.log;
    if (size > most) return first + (size - Math.floor(most * keptPart)) - 1;
    const oldest = await this.log.oldest();
    const now = this.#clock.now();
    if (oldest === undefined || oldest > now - ageMs - ageMs / 40) return undefined;
    return this.log.lastBefore(now - ageMs);
  }
}

/** What is left of a log that was too long. */
const keptPart = 0.9;

const draftSchema = auditEntrySchema.omit({ seq: true, before: true, node: true });

/** Who asks in a session, as the trail names it. */
export const byDevice = ({ member, device }: { readonly member: string; readonly device: string }): AuditBy => ({
  member,
  device,
});

/** Who has proved nothing. */
export const byAddress = (address: string): AuditBy => ({ address: /^[\w.:%-]{1,63}$/.test(address) ? address : "*" });
