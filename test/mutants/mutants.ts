/** A fault planted into a source, and the tests that have to notice it. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  /** Text that is in the file exactly once, and what stands there in the mutant. */
  readonly search: string;
  readonly replace: string;
  /** A project of vitest.config.ts and files of it; one failing test is enough. */
  readonly tests: { readonly project: string; readonly files: readonly string[] };
}

const unit = (...files: string[]): Mutant["tests"] => ({ project: "unit", files });
const integration = (...files: string[]): Mutant["tests"] => ({ project: "integration", files });
const traced: Mutant["tests"] = { project: "traced", files: ["test/traced/synced.test.ts"] };
const durableStream = unit("packages/client/test/durable-stream.test.ts");
const custody = unit("packages/client/test/custody.test.ts");
const inbox = unit("packages/client/test/inbox.test.ts");
const journal = unit("packages/store-sqlite/test/journal.test.ts");
const leases = unit("packages/registry/test/inbox-leases.test.ts");
const mailbox = integration("test/integration/registry-mailbox.test.ts");

/** Faults against the delivery contract, one promise each. */
export const mutants: readonly Mutant[] = [
  {
    name: "a dedup window that forgets",
    file: "packages/core/src/stream/inbound-stream.ts",
    search: "let index = this.#received + 1 - section.firstSeq;",
    replace: "let index = 0;",
    tests: unit("packages/core/test/stream/inbound-stream.test.ts"),
  },
  {
    name: "an outbox without fsync",
    file: "packages/store-sqlite/src/database.ts",
    search: "PRAGMA synchronous = FULL;",
    replace: "PRAGMA synchronous = OFF;",
    tests: traced,
  },
  {
    name: "an outbox that syncs now and then",
    file: "packages/store-sqlite/src/database.ts",
    search: "PRAGMA synchronous = FULL;",
    replace: "PRAGMA synchronous = NORMAL;",
    tests: traced,
  },
  {
    name: "accepted before it is on disk",
    file: "packages/client/src/outbox-intake.ts",
    search: "    await entered;\n",
    replace: "",
    tests: durableStream,
  },
  {
    name: "an ack before commit",
    file: "packages/client/src/inbox.ts",
    search: "    await this.#committedBy(incoming);\n    await incoming.rechecking;\n",
    replace:
      '    source.acknowledge({ type: "ack", class: "durable", epoch, seq: incoming.taken });\n    await this.#committedBy(incoming);\n    await incoming.rechecking;\n',
    tests: inbox,
  },
  {
    name: "a custody rule dropped: stored ends it",
    file: "packages/client/src/custody.ts",
    search: "    let upTo = 0;\n",
    replace: "    let upTo = keptUpTo();\n",
    tests: custody,
  },
  {
    name: "a custody rule dropped: one device of a person is enough",
    file: "packages/client/src/custody.ts",
    search: "listed === undefined || !takers.share ||",
    replace: "listed === undefined || takers.share ||",
    tests: custody,
  },
  {
    name: "stored called delivered",
    file: "packages/client/src/durable-stream.ts",
    search: 'this.#ledger.advance(from, to, "stored", { path, reason: reason(path) });',
    replace: 'this.#ledger.advance(from, to, "delivered", { path, reason: reason(path) });',
    tests: custody,
  },
  {
    name: "a mailbox frame called stored before those before it",
    file: "packages/client/src/mailbox-lane.ts",
    search: "for (let first = this.#underWay[0]; first?.stored === true; first = this.#underWay[0]) {",
    replace: "for (let first = this.#underWay[0]; first !== undefined; first = this.#underWay[0]) {",
    tests: durableStream,
  },
  {
    name: "a redelivered flag dropped on arrival",
    file: "packages/client/src/inbox.ts",
    search: "arrival.redelivered ? marked(section) : section",
    replace: "section",
    tests: unit("packages/client/test/inbox-redelivered.test.ts"),
  },
  {
    name: "a redelivered flag dropped at a restart",
    file: "packages/store-sqlite/src/journal-inbox.ts",
    search: "place <= this.#oldPlaces",
    replace: "place <= 0",
    tests: unit("packages/store-sqlite/test/redelivered.test.ts"),
  },
  {
    name: "a cursor moved without its entries",
    file: "packages/store-sqlite/src/journal-inbox.ts",
    search: "for (const entry of entries) if (!this.#receive(stream, id, entry)) known.push(entry.seq);",
    replace: "",
    tests: journal,
  },
  {
    name: "an expired envelope handed out",
    file: "packages/client/src/inbox.ts",
    search: 'if (ttl > 0 && created + ttl <= this.#options.registryTime()) return end("expired");\n',
    replace: "\n",
    tests: inbox,
  },
  {
    name: "a hole of a stream passed over",
    file: "packages/core/src/stream/inbound-stream.ts",
    search: "if (section.firstSeq > this.#received + 1) this.#hold(section);",
    replace: "if (section.firstSeq > this.#received + 1) this.#received = section.firstSeq - 1;",
    tests: unit("packages/core/test/stream/inbound-stream.test.ts"),
  },
  {
    name: "a receipt's signature not checked",
    file: "packages/client/src/receipt-reader.ts",
    search: 'if (!(await verifyReceipt(key, parties, receipt, signature))) throw new ParleyError("bad_signature");',
    replace: "await verifyReceipt(key, parties, receipt, signature);",
    tests: integration("test/integration/hostile-receipts.test.ts"),
  },
  {
    name: "a lease's generation not checked",
    file: "packages/registry/src/inbox-leases.ts",
    search: " || inbox.generation !== generation)",
    replace: ")",
    tests: leases,
  },
  {
    name: "a lease granted before the last one ran out",
    file: "packages/registry/src/inbox-leases.ts",
    search: "return inbox.holder !== undefined && (inbox.sole || clock.monotonic() < inbox.renewedAt + leaseMs);",
    replace: "return inbox.holder !== undefined && inbox.sole && clock.monotonic() < inbox.renewedAt + leaseMs;",
    tests: leases,
  },
  {
    name: "a quota not counted",
    file: "packages/registry/src/mailbox-quota.ts",
    search: "      this.#count(from, 1, bytes);\n      return;\n",
    replace: "      return;\n",
    tests: mailbox,
  },
  {
    name: "a trimmed gap not declared",
    file: "packages/registry/src/mailbox-reader.ts",
    search: 'if (from <= to) onTrimmed(from, to, "expired");',
    replace: "",
    tests: unit("packages/registry/test/mailbox-reader.test.ts"),
  },
  {
    name: "a person's mailbox cleared by its first device",
    file: "packages/registry/src/mailboxes.ts",
    search: "return Math.min(...owner.devices.map((device) => kept?.value.devices[device] ?? 0));",
    replace: "return Math.max(...owner.devices.map((device) => kept?.value.devices[device] ?? 0));",
    tests: mailbox,
  },
  {
    name: "a gap of the mailbox passed over as if nothing was lost",
    file: "packages/registry/src/mailbox-reader.ts",
    search: 'if (!isStart && lost < first) onTrimmed(lost, first - 1, "lost");',
    replace: "",
    tests: unit("packages/registry/test/mailbox-reader.test.ts"),
  },
  {
    name: "what was acknowledged meanwhile called lost",
    file: "packages/registry/src/mailbox-reader.ts",
    search: "Math.min((await taken()) + 1, first)",
    replace: "0",
    tests: unit("packages/registry/test/mailbox-reader.test.ts"),
  },
  {
    name: "frames of an earlier inbox lease kept in hand",
    file: "packages/client/src/relay.ts",
    search: "if (!this.#options.acks.isInHand(mailbox)) return;",
    replace: "",
    tests: unit("packages/client/test/relay.test.ts"),
  },
  {
    name: "a void in the place of what expired before that is written down",
    file: "packages/client/src/durable-stream.ts",
    search: 'else this.#ledger.end(seq, "expired", {}, leave);',
    replace: 'else [leave(), this.#ledger.end(seq, "expired")];',
    tests: unit("packages/client/test/durable-stream.test.ts"),
  },
];
