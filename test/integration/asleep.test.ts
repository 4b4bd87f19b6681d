import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import { createIdentityDraft, type DeviceEvent } from "@parley/client";
import { Home } from "@parley/client/node";
import { limits } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { linesOf } from "../chaos/evidence.ts";
import { numbered, until } from "./device-fixture.ts";
import { JumpingClock, type Moves, MovesFile } from "./jumping-clock.ts";
import { type ProcessMember, ProcessMesh } from "./process-mesh.ts";
import type { SleeperLine, SleeperOrder } from "./sleeper-process.ts";

const dayMs = 86_400_000;
const hourMs = 3_600_000;
const program = new URL("./sleeper-process.ts", import.meta.url);

/** A mesh whose registry, members and one sleeping agent have clocks that a test moves. */
class SleepScene implements AsyncDisposable {
  readonly mesh: ProcessMesh;
  readonly #folder: string;
  readonly #registry: MovesFile;
  readonly #sleeper: MovesFile;
  readonly #here: { wall: number; monotonic: number };
  #child: ChildProcess | undefined;

  private constructor(mesh: ProcessMesh, folder: string, here: { wall: number; monotonic: number }) {
    this.mesh = mesh;
    this.#folder = folder;
    this.#here = here;
    this.#registry = new MovesFile(path.join(folder, "registry.clock"));
    this.#sleeper = new MovesFile(path.join(folder, "sleeper.clock"));
  }

  static async start(): Promise<SleepScene> {
    const folder = await mkdtemp(path.join(tmpdir(), "parley-asleep-"));
    const here = { wall: 0, monotonic: 0 };
    const registry = path.join(folder, "registry.clock");
    new MovesFile(registry).write(here);
    const mesh = await ProcessMesh.start({ clock: new JumpingClock(() => here), moves: registry });
    return new SleepScene(mesh, folder, here);
  }

  /** Time passes for everybody but the sleeper. */
  passes({ wall, monotonic }: Moves): void {
    this.#here.wall += wall;
    this.#here.monotonic += monotonic;
    this.#registry.write(this.#here);
  }

  /** Keys and membership of the sleeper, in its home. */
  async letIn(): Promise<void> {
    const home = await Home.open(this.#home);
    const draft = await createIdentityDraft({ name: "sleeper", kind: "agent", label: "test" });
    await home.saveDraft(draft);
    await home.saveJoined(await this.mesh.admit(draft));
  }

  /** Starts the sleeper with the clock that the others have. */
  async wakeUp(): Promise<void> {
    this.#sleeper.write(this.#here);
    const child = fork(program, [this.#home, this.#lines, path.join(this.#folder, "sleeper.clock")], { execArgv: [] });
    this.#child = child;
    await once(child, "message");
  }

  sleep(): void {
    this.#child?.kill("SIGSTOP");
  }

  /** Goes on, its clock moved by so much meanwhile. */
  wake({ wall, monotonic }: Moves): void {
    const before = this.#sleeper.read();
    this.#sleeper.write({ wall: before.wall + wall, monotonic: before.monotonic + monotonic });
    this.#child?.kill("SIGCONT");
  }

  async send(order: SleeperOrder): Promise<string> {
    const child = this.#child;
    if (child === undefined) throw new Error("it was not started");
    const answered = once(child, "message") as Promise<[{ readonly id: string }]>;
    child.send(order);
    return (await answered)[0].id;
  }

  get lines(): readonly SleeperLine[] {
    return [...linesOf<SleeperLine>(this.#lines)];
  }

  /** What it handled of one sender, in order. */
  handledOf(sender: string): readonly string[] {
    return this.lines.flatMap((line) => (line.t === "handled" && line.from === sender ? [line.text] : []));
  }

  get #home(): string {
    return path.join(this.#folder, "home");
  }

  get #lines(): string {
    return path.join(this.#folder, "lines");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    if (child !== undefined) {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }
    await this.mesh[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** States that a member was told of each message, by id. */
function statesOf({ events }: ProcessMember): Map<string, string[]> {
  const states = new Map<string, string[]>();
  for (const event of events.seen as readonly DeviceEvent[]) {
    if (event.type !== "delivery") continue;
    const { id, state } = event.delivery;
    states.set(id, [...(states.get(id) ?? []), state]);
  }
  return states;
}

interface Sent {
  readonly kept: string[];
  readonly short: string[];
}

/** Sends many messages, every seventh of which lives an hour only. */
async function sendMany(from: ProcessMember, texts: readonly string[]): Promise<Sent> {
  const sent: Sent = { kept: [], short: [] };
  for (const [index, text] of texts.entries()) {
    const isShort = index % 7 === 3;
    const { id } = await from.device.send("@sleeper", isShort ? `short ${text}` : text, {
      ttlMs: isShort ? hourMs : 7 * dayMs,
    });
    sent[isShort ? "short" : "kept"].push(id);
  }
  return sent;
}

const isShort = (text: string): boolean => text.startsWith("short");

const nights: readonly { readonly title: string; readonly world: Moves; readonly sleeper: Moves }[] = [
  {
    title: "its machine slept for a day",
    world: { wall: dayMs, monotonic: dayMs },
    sleeper: { wall: dayMs, monotonic: 0 },
  },
  {
    title: "the monotonic clock went on in its sleep",
    world: { wall: dayMs, monotonic: dayMs },
    sleeper: { wall: dayMs, monotonic: dayMs },
  },
  {
    title: "all wall clocks were set on meanwhile",
    world: { wall: dayMs, monotonic: 0 },
    sleeper: { wall: dayMs, monotonic: 0 },
  },
];

describe("an agent finds all its mail, in order and once, and is back for everybody", () => {
  it.each(nights)("when $title", async ({ world, sleeper }) => {
    await using scene = await SleepScene.start();
    const { mesh } = scene;
    await scene.letIn();
    // Its encryption key will be overdue when it wakes.
    scene.passes({ wall: limits.encryptionKeyLifeMs - dayMs / 2, monotonic: 0 });
    await scene.wakeUp();
    const [bob, carol, dan, first, ghost] = await Promise.all([
      mesh.join("bob"),
      mesh.join("carol", false),
      mesh.join("dan"),
      mesh.join("eve"),
      mesh.join("ghost"),
    ]);
    await ghost.device.stop();
    await bob.device.connect("@sleeper");
    const senders = { bob, carol, dan, eve: first };
    const early = numbered("early", 5);
    for (const { device } of Object.values(senders)) for (const text of early) await device.send("@sleeper", text);
    await until(() => Object.keys(senders).every((name) => scene.handledOf(name).length === early.length));
    const fading = await scene.send({ to: "@ghost", text: "for an hour", ttlMs: hourMs });

    scene.sleep();
    const texts = numbered("m", 70);
    const half = texts.length / 2;
    const sent = await Promise.all(Object.values(senders).map((from) => sendMany(from, texts.slice(0, half))));
    // Dan goes for good, Eve starts anew, the registry too.
    await until(() => sent[2]?.kept.every((id) => statesOf(dan).get(id)?.includes("stored") === true) === true);
    await dan.device.stop();
    await first.device.stop();
    await mesh.kill();
    await mesh.restart();
    const eve = await mesh.open(first.joined, true, first.journal);
    const awake = { bob, carol, eve };
    const more = await Promise.all(Object.values(awake).map((from) => sendMany(from, texts.slice(half))));
    // A day is longer than anybody waits for an answer on a link.
    const isLinked = ({ device }: ProcessMember): boolean => device.links().some(({ name }) => name === "sleeper");
    await until(() => !Object.values(awake).some(isLinked));
    scene.passes(world);
    await until(() => Object.values(awake).every(({ device }) => device.state === "connected"));
    const heard = bob.events.seen.length;
    const slept = scene.lines.length;

    scene.wake(sleeper);
    const expected = (name: string): string[] => {
      const lasting = texts.map((text, index) => ((index % half) % 7 === 3 ? `short ${text}` : text));
      return [...early, ...lasting.slice(0, name === "dan" ? half : texts.length).filter((text) => !isShort(text))];
    };
    const names = Object.keys(senders);
    await until(() => names.every((name) => scene.handledOf(name).length >= expected(name).length));
    for (const name of names) expect(scene.handledOf(name)).toEqual(expected(name));
    expect(scene.lines.filter((line) => line.t === "handled" && line.redelivered)).toEqual([]);

    // What did not last is said to have expired, and nothing else is.
    const short = more.map(({ short: ids }, index) => [...(index === 2 ? [] : (sent[index]?.short ?? [])), ...ids]);
    await until(() =>
      Object.values(awake).every((from, index) =>
        short[index]?.every((id) => statesOf(from).get(id)?.at(-1) === "expired"),
      ),
    );
    for (const from of Object.values(awake)) {
      const ends = [...statesOf(from)].filter(([, states]) => states.some((state) => state === "expired"));
      expect(ends.every(([, states]) => !states.includes("delivered"))).toBe(true);
      await until(async () => (await from.journal.load()).outbox.length === 0);
    }
    await until(() =>
      scene.lines.some((line) => line.t === "delivery" && line.id === fading && line.state === "expired"),
    );

    // Back for everybody, by a link too, and with a fresh key.
    const woken = scene.lines.slice(slept);
    await until(() => new Set(scene.lines.flatMap((line) => (line.t === "key" ? [line.kid] : []))).size === 2);
    const again = await bob.device.connect("@sleeper");
    expect(again).toMatchObject({ name: "sleeper", state: "open", path: "direct" });
    await until(async () => (await (await bob.device.send("@sleeper", "by link")).settled).path === "direct");
    expect((await carol.device.ping("@sleeper")).path).toBe("relay");
    const back = await scene.send({ to: "@bob", text: "I am awake" });
    await until(() =>
      scene.lines.some((line) => line.t === "delivery" && line.id === back && line.state === "delivered"),
    );
    const refused = [
      ...bob.events.seen.slice(heard).flatMap((event) => (event.type === "refused" ? [event.code] : [])),
      ...woken.flatMap((line) => (line.t === "refused" ? [line.code] : [])),
    ];
    // Of messages, and of links that nobody had closed.
    expect(refused.filter((code) => code !== "expired" && code !== "lease_expired")).toEqual([]);
  });
});
