/**
 * One end of a bare node-datachannel pair: what the stack does with nothing on top. Each link has a channel that is
 * counted and one that echoes.
 */
import { type DataChannel, PeerConnection } from "node-datachannel";

import { CountedBodies, Counter, endOfRun } from "../counted-bodies.ts";
import { type LoadFigures, repeatCall } from "../load.ts";
import { answerCommands, notify, residentKiB } from "../role.ts";

/** What the two ends tell each other while a link is made. */
export type RawSignal = { readonly link: number } & (
  | { readonly sdp: string; readonly type: "offer" | "answer" }
  | { readonly candidate: string; readonly mid: string }
);

interface RawLink {
  readonly connection: PeerConnection;
  readonly channels: Map<string, DataChannel>;
  readonly open: PromiseWithResolvers<void>;
  onEcho: () => void;
}

const echoed = new Uint8Array(64);
const channelsPerLink = 2;
const links = new Map<number, RawLink>();
const counter = new Counter();

function makeLink(link: number): RawLink {
  const connection = new PeerConnection("raw", { iceServers: [] });
  const made: RawLink = { connection, channels: new Map(), open: Promise.withResolvers(), onEcho: () => {} };
  links.set(link, made);
  connection.onLocalDescription((sdp, type) => notify({ link, sdp, type }));
  connection.onLocalCandidate((candidate, mid) => notify({ link, candidate, mid }));
  connection.onDataChannel((channel) => {
    channel.onMessage((message) => {
      const body = message as Buffer;
      if (channel.getLabel() === "echo") channel.sendMessageBinary(body);
      else counter.take(body);
    });
    hold(made, channel);
  });
  return made;
}

function hold(link: RawLink, channel: DataChannel): void {
  link.channels.set(channel.getLabel(), channel);
  const opened = (): void => {
    if (link.channels.size === channelsPerLink && [...link.channels.values()].every((held) => held.isOpen()))
      link.open.resolve();
  };
  channel.onOpen(opened);
  opened();
}

function channelOf(link: number, label: string): DataChannel {
  const channel = links.get(link)?.channels.get(label);
  if (channel === undefined) throw new Error(`no channel ${label} on link ${link}`);
  return channel;
}

/** Sends until the buffer holds `high` bytes, then waits until it is down to `low`. */
async function flood({ size, seconds, high, low }: { size: number; seconds: number; high: number; low: number }) {
  const channel = channelOf(0, "count");
  const bodies = new CountedBodies(size, 1);
  const burst = Math.max(1, Math.min(64, Math.floor(65_536 / size)));
  let onLow = (): void => {};
  channel.setBufferedAmountLowThreshold(low);
  channel.onBufferedAmountLow(() => onLow());
  const until = performance.now() + seconds * 1000;
  while (performance.now() < until) {
    for (let sent = 0; sent < burst; sent++) channel.sendMessageBinary(bodies.next());
    if (channel.bufferedAmount() < high) continue;
    await new Promise<void>((resolve) => {
      onLow = resolve;
      if (channel.bufferedAmount() <= low) resolve();
    });
  }
  channel.sendMessageBinary(endOfRun);
  return { sent: bodies.taken };
}

const commands = {
  offer(link: number): Promise<void> {
    const made = makeLink(link);
    const echo = made.connection.createDataChannel("echo");
    echo.onMessage(() => made.onEcho());
    hold(made, echo);
    hold(made, made.connection.createDataChannel("count"));
    return made.open.promise;
  },
  signal(signal: RawSignal): void {
    const { connection } = links.get(signal.link) ?? makeLink(signal.link);
    if ("candidate" in signal) connection.addRemoteCandidate(signal.candidate, signal.mid);
    // As the answering side be the DTLS server: a first handshake message that comes too early costs a second.
    else connection.setRemoteDescription(signal.sdp.replaceAll("a=setup:actpass", "a=setup:active"), signal.type);
  },
  opened: (link: number): Promise<void> | undefined => links.get(link)?.open.promise,
  path(link: number): string {
    const pair = links.get(link)?.connection.getSelectedCandidatePair();
    return pair === undefined || pair === null ? "none" : `${pair.local.type} to ${pair.remote.type}`;
  },
  flood,
  reset: (): void => counter.reset(),
  arrivals: () => counter.arrivals(),
  ping({ seconds }: { seconds: number }): Promise<LoadFigures> {
    const link = links.get(0);
    const channel = channelOf(0, "echo");
    const ping = (): Promise<void> =>
      new Promise((resolve) => {
        if (link !== undefined) link.onEcho = resolve;
        channel.sendMessageBinary(echoed);
      });
    return repeatCall(ping, { seconds, inFlight: 1 });
  },
  memory: (): number => residentKiB(),
};

export type RawCommands = typeof commands;
answerCommands(commands);
