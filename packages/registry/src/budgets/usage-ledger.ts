/** What members used of their budgets, as this node counts it; kept over a restart. */
import { type Clock, type Records, type Timer, UsageWindows, usageWindowsSchema, type Used } from "@parley/core";
import { z } from "zod";

import { JsonRecords } from "../json-records.ts";
import { keys } from "../keys.ts";

export interface UsageLedgerOptions {
  readonly records: Records;
  readonly clock: Pick<Clock, "now" | "setTimer">;
  /** Each node keeps its own counts. */
  readonly node: string;
  readonly mostMembers: number;
  readonly onError: (error: unknown) => void;
}

/** What a member did is counted twice, and the higher count holds. */
interface MemberUse {
  /** By others, and by this node. */
  readonly told: UsageWindows;
  /** By the member's own devices: exact for those that are honest. */
  readonly own: UsageWindows;
}

/** Changes of this long are written together; what was counted in it is lost in a crash. */
const writeMs = 2000;

const storedSchema = z.object({ told: usageWindowsSchema, own: usageWindowsSchema });

export class UsageLedger {
  readonly #options: UsageLedgerOptions;
  readonly #stored: JsonRecords<z.infer<typeof storedSchema>>;
  readonly #members = new Map<string, MemberUse>();
  readonly #changed = new Set<string>();
  #timer: Timer | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: UsageLedgerOptions) {
    this.#options = options;
    this.#stored = new JsonRecords(options.records, storedSchema);
  }

  async open(): Promise<void> {
    const prefix = this.#key("");
    for await (const { key, value } of this.#stored.all(prefix, this.#options.mostMembers))
      this.#members.set(key.slice(prefix.length), {
        told: new UsageWindows(value.told),
        own: new UsageWindows(value.own),
      });
  }

  get members(): readonly string[] {
    return [...this.#members.keys()];
  }

  /** Counted here, or told by others. */
  add(member: string, used: Partial<Used>): void {
    this.#use(member).told.add(used, this.#options.clock.now());
    this.#note(member);
  }

  /** Told by the member's own devices. */
  addOwn(member: string, used: Partial<Used>): void {
    this.#use(member).own.add(used, this.#options.clock.now());
    this.#note(member);
  }

  /** Both counts of a member; undefined when there is none. */
  of(member: string): MemberUse | undefined {
    return this.#members.get(member);
  }

  /** Forgets who used nothing for a day. */
  async sweep(): Promise<void> {
    const now = this.#options.clock.now();
    for (const [member, { told, own }] of this.#members) {
      if (!told.isEmpty(now) || !own.isEmpty(now) || this.#changed.has(member)) continue;
      this.#members.delete(member);
      await this.#stored.deleteIf(this.#key(member), () => true);
    }
  }

  /** Writes down what is not yet. */
  async flush(): Promise<void> {
    this.#timer?.cancel();
    this.#timer = undefined;
    const changed = [...this.#changed];
    this.#changed.clear();
    const before = this.#writing;
    this.#writing = before.then(async () => {
      for (const member of changed) {
        const use = this.#members.get(member);
        if (use === undefined) continue;
        const value = storedSchema.parse({ told: use.told.toJSON(), own: use.own.toJSON() });
        await this.#stored.change(this.#key(member), () => value);
      }
    });
    const written = this.#writing;
    this.#writing = written.catch(() => undefined);
    return written;
  }

  #key(member: string): string {
    return keys.usage(this.#options.node, member);
  }

  #use(member: string): MemberUse {
    const known = this.#members.get(member);
    if (known !== undefined) return known;
    const use = { told: new UsageWindows(), own: new UsageWindows() };
    if (this.#members.size < this.#options.mostMembers) this.#members.set(member, use);
    return use;
  }

  #note(member: string): void {
    this.#changed.add(member);
    this.#timer ??= this.#options.clock.setTimer(writeMs, () => {
      this.#timer = undefined;
      this.flush().catch(this.#options.onError);
    });
  }
}
