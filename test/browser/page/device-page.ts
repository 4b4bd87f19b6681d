/** A device in a page, as a test drives it. The bundle of this file is what an application would ship. */
import {
  awaitAdmission,
  blobSource,
  createIdentityDraft,
  Device,
  type Identity,
  MemorySink,
  type PendingPairing,
  pairWithLink,
} from "@parley/client";
import { BrowserLinkFactory } from "@parley/peer/browser";
import {
  type AgentCard,
  type BlobRef,
  envelopeBinding,
  ParleyError,
  type Path,
  parseInviteLink,
  toParleyError,
} from "@parley/protocol";
import { openIndexedDbJournal } from "@parley/store-indexeddb";

import type { PageAnswer, PageApi, PageDelegation, PageKeys, PageMessage, PageOutcome } from "./page-api.ts";
import { keep, type Kept, kept } from "./page-home.ts";

declare global {
  interface Window {
    readonly askPage: (method: keyof PageApi, args: readonly unknown[]) => Promise<PageAnswer<unknown>>;
  }
}

/** Things that happen, and those who wait for them. */
class Seen<Item> {
  readonly items: Item[] = [];
  #waiting: (() => void)[] = [];

  add(item: Item): void {
    this.items.push(item);
    for (const look of this.#waiting.splice(0)) look();
  }

  async until(holds: (items: readonly Item[]) => boolean): Promise<readonly Item[]> {
    while (!holds(this.items)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.items;
  }
}

let pending: PendingPairing | undefined;
let identity: Identity | undefined;
let opened: Device | undefined;
const sessions = new Seen<string>();
const received = new Seen<PageMessage>();
const refused: string[] = [];
const attached: BlobRef[] = [];
const repeated: string[] = [];

function device(): Device {
  if (opened === undefined) throw new ParleyError("not_found", { message: "The page has no device yet." });
  return opened;
}

async function open(): Promise<string> {
  if (pending === undefined) throw new ParleyError("not_found", { message: "The page has not paired." });
  const joined = await awaitAdmission(pending);
  await keep(joined);
  return start(joined);
}

async function openAgain(): Promise<string> {
  const known = await kept();
  if (known === undefined) throw new ParleyError("not_found", { message: "No page before this one had a device." });
  return start(known);
}

async function start(joined: Kept): Promise<string> {
  identity = joined.identity;
  opened = await Device.open({
    strangers: "take",
    identity,
    registry: joined.registry,
    trust: joined.trust,
    journal: await openIndexedDbJournal({ name: "device" }),
    links: { factory: new BrowserLinkFactory() },
  });
  opened.watch((event) => {
    if (event.type === "session") sessions.add(event.state);
    if (event.type === "refused") refused.push(event.code);
  });
  opened.onMessage(({ from, text, path, attachments, redelivered }) => {
    attached.push(...attachments);
    if (redelivered) repeated.push(text);
    received.add({ from: from.name, text, path });
  });
  await opened.start();
  return opened.member;
}

async function leakKeys(): Promise<PageKeys> {
  const { root, device: own, encryptionKeys = [] } = identity ?? {};
  const keys = [root, own, ...encryptionKeys].flatMap((key) => (key === undefined ? [] : [key.privateKey]));
  const tries = await Promise.allSettled(keys.map((key) => crypto.subtle.exportKey("pkcs8", key)));
  return { held: keys.length, leaked: tries.filter(({ status }) => status === "fulfilled").length };
}

async function delegate({ to, ...request }: PageDelegation): Promise<PageOutcome> {
  const run = await device().delegate(to, request);
  const notes: string[] = [];
  const paths: Path[] = [];
  for await (const { response, path } of run.events) {
    const parts = response.statusUpdate?.status.message?.parts ?? [];
    for (const part of parts) if (part.text !== undefined) notes.push(part.text);
    paths.push(path);
  }
  const { output, path } = await run.outcome;
  return { from: run.to.name, output, path, notes, paths };
}

async function serve(): Promise<void> {
  device().serve(async (task) => {
    const words = String(task.input).split(" ");
    for (const word of words) await task.progress(word);
    return words.toReversed().join(" ");
  });
  await device().publishCard(cardOf(device()));
}

function cardOf({ name, member }: Device): AgentCard {
  return {
    name,
    description: "Turns text round in a page",
    version: "1.0.0",
    supportedInterfaces: [{ url: `parley:${member}`, protocolBinding: envelopeBinding, protocolVersion: "1.0" }],
    capabilities: { streaming: true },
    defaultInputModes: ["application/json"],
    defaultOutputModes: ["application/json"],
    skills: [{ id: "reverse", name: "Reverse", description: "Turns the words of a text round", tags: ["text"] }],
  };
}

const api: PageApi = {
  async pair(invite, name) {
    const draft = await createIdentityDraft({ name, kind: "agent", label: "page", extractable: false });
    const asked = await pairWithLink(draft, parseInviteLink(invite));
    if (!("pairing" in asked)) throw new ParleyError("internal");
    pending = asked;
    return asked.words;
  },
  open,
  openAgain,
  async accept(to, text) {
    return (await device().send(to, text)).id;
  },
  stop: () => device().stop(),
  leakKeys,
  delegate,
  serve,
  async send(to, text) {
    const { state, path } = await (await device().send(to, text)).settled;
    return { state, path };
  },
  async sendFile(to, text, name, bytes) {
    const file = new File([Uint8Array.from({ length: bytes }, (_, place) => place % 251)], name, {
      type: "text/plain",
    });
    const ref = await device().attach(blobSource(file), { name: file.name, type: file.type });
    return (await (await device().send(to, text, { attachments: [ref] })).settled).state;
  },
  async fetchTexts() {
    const texts: string[] = [];
    for (const ref of attached) {
      const sink = new MemorySink();
      await device().fetchAttachment(ref, sink);
      texts.push(new TextDecoder().decode(sink.bytes));
    }
    return texts;
  },
  messages: (count) => received.until((items) => items.length >= count),
  redelivered: async () => repeated,
  ping: (to, paths) => device().ping(to, paths === undefined ? {} : { paths }),
  connect: (to) => device().connect(to),
  links: async () => device().links(),
  isLive: async (who) => (await device().memberOf(who)).live,
  mark: async () => sessions.items.length,
  async session(state, from) {
    await sessions.until((items) => items.slice(from).includes(state));
  },
  refusals: async () => refused,
};

Object.defineProperty(globalThis, "askPage", {
  value: async (method: keyof PageApi, args: readonly unknown[]): Promise<PageAnswer<unknown>> => {
    try {
      const call = api[method] as (...args: readonly unknown[]) => Promise<unknown>;
      return { ok: true, value: await call(...args) };
    } catch (error) {
      const { code, message } = toParleyError(error);
      return { ok: false, code, message: error instanceof Error ? `${message} (${String(error)})` : message };
    }
  },
});
