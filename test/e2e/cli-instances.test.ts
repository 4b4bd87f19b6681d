import { join } from "node:path";

import { expect, it, vi } from "vitest";

import { check } from "../chaos/checker.ts";
import { type DeviceLine, EvidenceFile, linesOf, type Party, type ScheduleLine } from "../chaos/evidence.ts";
import { until } from "../integration/device-fixture.ts";
import { type ProcessMember, ProcessMesh } from "../integration/process-mesh.ts";
import { jsonOf, parley, type RunningCommand, start, temporaryFolder } from "./cli-process.ts";

/** Short, so that a lease runs out within the test. */
const inboxLeaseMs = 2500;
const perSecond = 100;
/** How the files of the instances are watched: to read them all takes time. */
const watching = { interval: 50, timeout: 60_000 };
const agent = join(import.meta.dirname, "hive-agent.ts");

interface Instance {
  readonly name: string;
  readonly home: string;
  life: number;
  running: RunningCommand | undefined;
  device: string;
}

/** Three instances of one agent, each a process, and what happens to them. */
class Hive {
  readonly instances: readonly Instance[];
  readonly #folder: string;
  readonly #schedule: EvidenceFile<ScheduleLine>;

  constructor(folder: string) {
    this.#folder = folder;
    this.#schedule = new EvidenceFile(join(folder, "schedule"));
    this.instances = ["hive-1", "hive-2", "hive-3"].map((name) => ({
      name,
      home: join(folder, name),
      life: 0,
      running: undefined,
      device: "",
    }));
  }

  /** The first pairs, and opens a link for each of the others. */
  async enrol(mesh: ProcessMesh): Promise<void> {
    const [first, ...others] = this.instances;
    const at = (instance: Instance | undefined): string[] => ["--home", instance?.home ?? "", "--json"];
    jsonOf(await parley(["pair", await mesh.invite(), "--name", "hive", "--kind", "agent", "--no-wait", ...at(first)]));
    await mesh.approve("hive");
    await this.start(first);
    const starting: Promise<void>[] = [];
    for (const other of others) {
      const inviting = start(["device", "invite", ...at(first)]);
      const { text } = await inviting.json<{ text: string }>();
      jsonOf(await parley(["pair", text, ...at(other)]));
      jsonOf(await inviting.ended);
      starting.push(this.start(other));
    }
    await Promise.all(starting);
  }

  async start(instance: Instance | undefined): Promise<void> {
    if (instance === undefined) return;
    const life = ++instance.life;
    this.#schedule.write({ t: "started", at: Date.now(), process: instance.name, life });
    const env = { HIVE_LINES: join(this.#folder, `${instance.name}.lines`), HIVE_LIFE: String(life) };
    const running = start(["run", agent, "--home", instance.home, "--json"], { env });
    instance.running = running;
    instance.device = (await running.json<{ device: string }>()).device;
  }

  async end(instance: Instance, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const by = signal === "SIGKILL" ? "kill" : "stop";
    this.#schedule.write({ t: "ended", at: Date.now(), process: instance.name, life: instance.life, by });
    const ended = await instance.running?.stop(signal);
    if (signal === "SIGTERM" && ended?.code !== 0) throw new Error(`${instance.name} ended with ${ended?.code}`);
  }

  /** Stands still for so long. */
  async pause(instance: Instance, ms: number): Promise<void> {
    this.#schedule.write({ t: "fault", at: Date.now(), kind: "pause", target: instance.name, until: Date.now() + ms });
    instance.running?.child.kill("SIGSTOP");
    const later = Date.now() + ms;
    await until(() => Date.now() >= later);
    instance.running?.child.kill("SIGCONT");
  }

  async restart(mesh: ProcessMesh): Promise<void> {
    this.#schedule.write({ t: "fault", at: Date.now(), kind: "kill", target: "registry", until: Date.now() });
    await mesh.kill();
    await mesh.restart();
  }

  linesOf({ name }: Instance): readonly DeviceLine[] {
    return [...linesOf<DeviceLine>(join(this.#folder, `${name}.lines`))];
  }

  /** Ids that were handled, in all instances. */
  handled(): readonly string[] {
    return this.instances
      .flatMap((instance) => this.linesOf(instance))
      .flatMap((line) => (line.t === "handled" ? [line.id] : []));
  }

  get schedule(): Iterable<ScheduleLine> {
    return linesOf<ScheduleLine>(join(this.#folder, "schedule"));
  }
}

/** Sends so many messages a second and writes down what it is told. */
class Sender implements AsyncDisposable {
  readonly lines: DeviceLine[] = [{ t: "life", at: Date.now(), life: 1 }];
  readonly ids = new Set<string>();
  readonly #from: ProcessMember;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  constructor(from: ProcessMember) {
    this.#from = from;
    from.device.watch((event) => {
      if (event.type !== "delivery" || event.delivery.state === "accepted") return;
      const { id, state, device } = event.delivery;
      this.lines.push({
        t: "state",
        at: Date.now(),
        id,
        to: "hive",
        state,
        ...(device === undefined ? {} : { device }),
      });
    });
    this.#done = this.#send();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #send(): Promise<void> {
    const started = Date.now();
    for (let count = 0; !this.#stop.signal.aborted; count++) {
      await until(() => Date.now() >= started + (count * 1000) / perSecond);
      const at = Date.now();
      const { id } = await this.#from.device.send("@hive", `message ${count}`);
      this.ids.add(id);
      this.lines.push({ t: "accepted", at, id, to: "hive", class: "durable" });
    }
  }
}

it(
  "an agent's three instances handle each message once, through stops, kills, pauses and a new registry",
  { timeout: 150_000 },
  async () => {
    await using mesh = await ProcessMesh.start({ bounds: { inboxLeaseMs, inboxMarginMs: 500, pingMs: 500 } });
    const folder = temporaryFolder();
    const hive = new Hive(folder);
    await hive.enrol(mesh);
    const bob = await mesh.join("bob");
    const holder = async (): Promise<Instance> => {
      let held: Instance | undefined;
      await until(async () => {
        if (bob.device.state !== "connected") return false;
        const { devices } = await bob.device.memberOf("@hive");
        const device = devices.find(({ inbox }) => inbox !== undefined)?.device;
        held = hive.instances.find((instance) => instance.device === device);
        return held !== undefined;
      });
      if (held === undefined) throw new Error("nobody holds the inbox");
      return held;
    };
    /** Something new was handled since. */
    const goesOn = async (): Promise<void> => {
      const before = new Set(hive.handled());
      await vi.waitUntil(() => hive.handled().filter((id) => !before.has(id)).length > perSecond / 2, watching);
    };
    await using sender = new Sender(bob);
    await goesOn();

    for (let turn = 0; turn < 2; turn++) {
      const stopped = await holder();
      await hive.end(stopped, "SIGTERM");
      await goesOn();
      await hive.start(stopped);
    }
    await goesOn();
    const handledOrderly = hive.handled();
    expect(handledOrderly.length - new Set(handledOrderly).size).toBe(0);

    const killed = await holder();
    await hive.end(killed, "SIGKILL");
    await goesOn();
    await hive.start(killed);
    await goesOn();
    await hive.pause(await holder(), inboxLeaseMs + 1000);
    await goesOn();
    await hive.restart(mesh);
    await goesOn();

    await sender.stop();
    await until(async () => (await bob.journal.load()).outbox.length === 0);
    await vi.waitUntil(() => {
      const handled = new Set(hive.handled());
      return [...sender.ids].every((id) => handled.has(id));
    }, watching);
    await Promise.all(hive.instances.map((instance) => hive.end(instance, "SIGTERM")));

    const parties: Party[] = [
      { name: "bob", kind: "agent", devices: [{ process: "bob", device: bob.device.device }] },
      { name: "hive", kind: "agent", devices: hive.instances.map(({ name, device }) => ({ process: name, device })) },
    ];
    const devices = new Map<string, Iterable<DeviceLine>>([
      [bob.device.device, sender.lines],
      ...hive.instances.map((instance) => [instance.device, hive.linesOf(instance)] as const),
    ]);
    const { findings, counts } = check({ parties, devices, schedule: hive.schedule });
    expect(findings).toEqual([]);
    expect(counts.handled).toBe(sender.ids.size);
  },
);
