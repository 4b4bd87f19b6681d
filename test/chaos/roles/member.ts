/**
 * A device of a member as a process that may be killed at any moment: it sends and handles messages, and writes down what
 * it was told. One argument: its settings as JSON. Stays until it is told to stop or its parent is gone.
 */
import { join } from "node:path";

import { type Delivery, Device, type DeviceEvent, type IncomingMessage, type IncomingTask } from "@parley/client";
import { DeviceLock, Home } from "@parley/client/node";
import { type Journal, systemClock } from "@parley/core";
import { NodeLinkFactory } from "@parley/peer/node";
import { envelopeId, toParleyError } from "@parley/protocol";
import { openSqliteJournal } from "@parley/store-sqlite";
import { SeededRandom, testCard } from "@parley/testkit";

import { type DeviceLine, EvidenceFile } from "../evidence.ts";
import { Load } from "../load.ts";
import { echoSkill, type MemberCommand, type MemberReport, type MemberSettings } from "../member-settings.ts";

const reportMs = 1000;
/** One handler in so many takes its time after its effect, so that kills fall between the two. */
const slowShare = 0.1;
const slowMs = 40;

const settings = JSON.parse(process.argv[2] ?? "") as MemberSettings;
const evidence = new EvidenceFile<DeviceLine>(settings.evidence);
const random = new SeededRandom(settings.seed);
const report: MemberReport = { accepted: 0, handled: 0, redelivered: 0, outbox: 0, inbox: 0 };
const write = (line: DeviceLine): void => evidence.write(line);

function trouble(what: string, error: unknown): void {
  const { code, message } = toParleyError(error);
  write({ t: "trouble", at: Date.now(), what, code });
  if (code === "internal")
    process.stderr.write(`${what}: ${error instanceof Error ? (error.stack ?? message) : message}\n`);
}

/** Some time passes between the effect of a handler and its return. */
async function linger(): Promise<void> {
  if (!random.chance(slowShare)) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  systemClock.setTimer(random.below(slowMs), resolve);
  await promise;
}

async function handle({ id, from, created, class: deliveryClass, redelivered, path }: IncomingMessage): Promise<void> {
  write({ t: "handled", at: Date.now(), id, from: from.device, created, class: deliveryClass, redelivered, path });
  report.handled++;
  if (redelivered) report.redelivered++;
  await linger();
}

async function work({ input }: IncomingTask): Promise<unknown> {
  const { key } = input as { readonly key: string };
  write({ t: "worked", at: Date.now(), key });
  await linger();
  return { key };
}

function tell({ id, state, device, path, error }: Delivery, to: string): void {
  write({
    t: "state",
    at: Date.now(),
    id,
    to,
    state,
    ...(device === undefined ? {} : { device }),
    ...(path === undefined ? {} : { path }),
    ...(error === undefined ? {} : { code: error.code }),
  });
}

function note(event: DeviceEvent): void {
  if (event.type === "refused") {
    write({ t: "trouble", at: Date.now(), what: "refused", code: event.code });
    process.stderr.write(`${Date.now()} refused ${event.code} from ${event.from ?? "?"}: ${event.message}\n`);
  }
  if (event.type === "gap") write({ t: "trouble", at: Date.now(), what: "gap", code: `${event.from}-${event.to}` });
  if (event.type === "history") write({ t: "trouble", at: Date.now(), what: "history", code: String(event.done) });
  if (event.type !== "delivery" || event.delivery.state === "accepted") return;
  tell(event.delivery, settings.names[event.to] ?? event.to);
}

/** What is still to be done: told to the run, and at the end written down. */
async function outboxOf(journal: Journal): Promise<readonly { readonly id: string; readonly to: string }[]> {
  const { outbox } = await journal.load();
  return outbox.map(({ recipient, epoch, seq, envelope: { origin } }) => {
    // A stream of its own has its rule behind the member's id.
    const [member = ""] = recipient.split("|");
    return { id: envelopeId(origin?.epoch ?? epoch, origin?.seq ?? seq), to: settings.names[member] ?? member };
  });
}

const home = await Home.open(settings.home);
const lock = DeviceLock.tryTake(home.path);
if (lock === undefined) throw new Error("another process holds the device");
const { identity, registry, trust, keepIdentity } = await home.heldMesh();
const journal = openSqliteJournal({ dir: join(home.path, "journal") });
const factory = new NodeLinkFactory();
const device = await Device.open({
  strangers: "take",
  identity,
  registry,
  trust,
  keepIdentity,
  journal,
  links: { factory, policy: settings.linkPolicy },
  log: (level, event, fields) => {
    if (level === "error" || level === "warn")
      process.stderr.write(`${Date.now()} ${level} ${event} ${JSON.stringify(fields)}\n`);
  },
});
write({ t: "life", at: Date.now(), life: settings.life });
device.watch(note);
device.onMessage(handle);
if (settings.kind === "agent") device.serve(work);
const load = new Load({ device, settings, random, write, report, tell, trouble });

const commands: Readonly<Record<MemberCommand, () => Promise<void> | void>> = {
  load: () => load.start(),
  quiet: () => load.stop(),
  async stop() {
    load.stop();
    await device.stop();
    for (const entry of await outboxOf(journal)) write({ t: "left", at: Date.now(), ...entry });
    await journal.close();
    await home.flush();
    lock.release();
    await factory.close();
    process.exit(0);
  },
  // Ended in an orderly way in mid-load: what is left goes with the next life.
  async restart() {
    load.stop();
    await device.stop();
    await journal.close();
    await home.flush();
    lock.release();
    await factory.close();
    process.exit(0);
  },
};

setInterval(() => {
  void (async () => {
    if (!load.isRunning)
      Object.assign(report, { outbox: (await outboxOf(journal)).length, inbox: (await journal.pendingInbox()).length });
    process.send?.({ ...report });
  })().catch((error: unknown) => trouble("report", error));
}, reportMs).unref();
process.on("message", (command: MemberCommand) => {
  void Promise.resolve(commands[command]()).catch((error: unknown) => {
    trouble(command, error);
    process.exit(1);
  });
});
process.on("disconnect", () => process.exit());

try {
  await device.start();
  if (settings.kind === "agent" && settings.isFirst) await device.publishCard(testCard(device, [{ id: echoSkill }]));
} catch (error) {
  trouble("start", error);
}
