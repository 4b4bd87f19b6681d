import { Counter, Gauge, Registry as Metrics } from "prom-client";

import type { RegistryNode } from "./node.ts";

/** Labels are states and codes of the protocol's tables: never a name, an id or an address. */
export class NodeMetrics {
  readonly #metrics = new Metrics();

  constructor(node: RegistryNode) {
    const { counters } = node;
    this.#count("parley_frames_total", "Routed frames by result.", ["result", "code"], (counter) => {
      counter.inc({ result: "relayed", code: "" }, counters.relayed);
      counter.inc({ result: "stored", code: "" }, counters.stored);
      for (const [code, count] of counters.refused) counter.inc({ result: "refused", code }, count);
    });
    const single = (name: string, help: string, read: () => number): void =>
      this.#count(name, help, [], (counter) => counter.inc(read()));
    single("parley_mailbox_deliveries_total", "Frames pushed out of mailboxes.", () => counters.delivered);
    single("parley_sessions_opened_total", "Sessions opened.", () => counters.sessions);
    single(
      "parley_inbox_changes_total",
      "Inboxes of agents that got a holder or another one.",
      () => counters.inboxChanges,
    );
    single(
      "parley_slow_readers_total",
      "Sessions closed because their device did not read.",
      () => counters.slowReaders,
    );
    single("parley_dead_letters_total", "Frames that became dead letters.", () => counters.deadLetters);
    this.#count("parley_posts_total", "Posts to channels by result.", ["result", "code"], (counter) => {
      counter.inc({ result: "stored", code: "" }, counters.posted);
      counter.inc({ result: "again", code: "" }, counters.postsAgain);
      for (const [code, count] of counters.postsRefused) counter.inc({ result: "refused", code }, count);
    });
    single("parley_post_deliveries_total", "Posts pushed to followers of channels.", () => counters.postsDelivered);
    this.#count("parley_post_batches_total", "Batches of posts by where they came from.", ["from"], (counter) => {
      counter.inc({ from: "log" }, counters.postPagesRead);
      counter.inc({ from: "memory" }, counters.postPagesShared);
    });
    single(
      "parley_followers_behind_total",
      "Followers of channels that were left behind because they read slowly.",
      () => counters.followersBehind,
    );
    this.#count(
      "parley_turned_away_total",
      "Connections and requests turned away for their number.",
      ["why"],
      (counter) => {
        for (const [why, count] of counters.turnedAwayFor) counter.inc({ why }, count);
      },
    );
    this.#gauge("parley_channels", "Channels, archived ones included.", () => node.channels);
    this.#gauge("parley_followers", "Followers, each counted for each channel.", () => node.followers);
    this.#gauge(
      "parley_http_calls",
      "HTTP requests by a session token or an API key that run now.",
      () => node.liveCalls.size,
    );
    this.#gauge("parley_sessions", "Sessions open now.", () => node.sessions);
    this.#gauge("parley_members", "Members that the directory knows.", () => node.size);
    this.#gauge(
      "parley_mailbox_frames",
      "Frames in the mailboxes in use.",
      async () => (await node.mailboxUsage()).frames,
    );
    this.#gauge(
      "parley_mailbox_bytes",
      "Bytes in the mailboxes in use.",
      async () => (await node.mailboxUsage()).bytes,
    );
  }

  /** In the text format of Prometheus. */
  async text(): Promise<{ readonly type: string; readonly body: string }> {
    return { type: this.#metrics.contentType, body: await this.#metrics.metrics() };
  }

  /** The node counts; what is asked for is only written down. */
  #count<Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    read: (counter: Counter<Label>) => void,
  ): void {
    const registers = [this.#metrics];
    const counter: Counter<Label> = new Counter({
      name,
      help,
      labelNames,
      registers,
      collect: () => {
        counter.reset();
        read(counter);
      },
    });
  }

  #gauge(name: string, help: string, read: () => number | Promise<number>): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.#metrics],
      collect: async () => gauge.set(await read()),
    });
  }
}
