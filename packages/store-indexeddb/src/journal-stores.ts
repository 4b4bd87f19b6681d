import type { JournalBounds } from "@parley/core";
import { Holdings } from "@parley/core";

import { Commits } from "./commits.ts";
import { History } from "./history.ts";
import { InboundStreams } from "./inbound-streams.ts";
import { OutboundStreams } from "./outbound-streams.ts";
import { Tally } from "./tally.ts";

/** What the parts of a journal share. */
export interface JournalStores {
  readonly commits: Commits;
  readonly tally: Tally;
  readonly outbound: OutboundStreams;
  readonly inbound: InboundStreams;
  readonly history: History;
}

export function makeJournalStores(database: IDBDatabase, outbox: Holdings, bounds: JournalBounds): JournalStores {
  const commits = new Commits(database);
  const tally = new Tally();
  const outbound = new OutboundStreams(outbox, tally);
  const inbound = new InboundStreams(tally);
  const goOn = (): void => void commits.run(() => undefined, 0).catch(() => undefined);
  const history = new History({ tally, outbound, inbound }, new Holdings("history", bounds), goOn);
  return { commits, tally, outbound, inbound, history };
}
