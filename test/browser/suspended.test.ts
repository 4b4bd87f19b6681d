import { toParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { Events, type Joined, numbered, until } from "../integration/device-fixture.ts";
import { BrowserMesh } from "./browser-mesh.ts";
import type { PageDevice } from "./page-device.ts";

/** So that a session that is not heard ends within the test. */
const bounds = { pingMs: 300, staleMs: 800, lostMs: 1500, sweepMs: 200 };
const texts = numbered("m", 120);

interface Scene {
  readonly mesh: BrowserMesh;
  readonly page: PageDevice;
  readonly ada: Joined;
  readonly bea: Joined;
}

/** How a tab is held up and goes on. */
interface Suspension {
  readonly title: string;
  readonly suspend: (scene: Scene) => Promise<() => Promise<void>>;
  /** Whether its links fall silent. Chromium's frozen pages go on hearing from channels and sockets; their timers stop. */
  readonly isDeaf: boolean;
  /** Whether the browser still answers the registry's pings for it. */
  readonly answersPings: boolean;
}

async function stopped(pids: readonly number[]): Promise<() => Promise<void>> {
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  return async () => {
    for (const pid of pids) process.kill(pid, "SIGCONT");
  };
}

const suspensions: readonly Suspension[] = [
  {
    title: "is frozen in the background",
    suspend: async ({ page }) => {
      await page.setFrozen(true);
      return () => page.setFrozen(false);
    },
    isDeaf: false,
    answersPings: true,
  },
  {
    title: "has its process stopped",
    suspend: async ({ mesh }) => stopped(await mesh.processes("pages")),
    isDeaf: true,
    answersPings: true,
  },
  {
    title: "has its whole browser stopped",
    suspend: async ({ mesh }) => stopped(await mesh.processes("all")),
    isDeaf: true,
    answersPings: false,
  },
];

/** Sends every text from both, and says what became of each. */
async function sendFrom(senders: readonly Joined[], which: readonly string[]): Promise<Promise<string>[]> {
  const settled: Promise<string>[] = [];
  for (const text of which)
    for (const { device } of senders) {
      const sent = await device.send("@tab", `${device.name} ${text}`);
      settled.push(sent.settled.then(({ state }) => state));
    }
  return settled;
}

async function receivedFrom(page: PageDevice, name: string, count: number): Promise<readonly string[]> {
  const messages = await page.ask("messages", count);
  return messages.filter(({ from }) => from === name).map(({ text }) => text);
}

describe("a tab", () => {
  it.each(suspensions)("that $title finds all that came meanwhile, in order and once", async (suspension) => {
    await using mesh = await BrowserMesh.start({ bounds });
    const [ada, bea] = [await mesh.joinNode("ada"), await mesh.joinNode("bea")];
    const page = await mesh.joinPage("tab");
    const senders = [ada, bea];
    await ada.device.connect("@tab");
    const early = await sendFrom(senders, texts.slice(0, 20));
    expect(new Set(await Promise.all(early))).toEqual(new Set(["delivered"]));
    const before = await page.ask("mark");

    const resume = await suspension.suspend({ mesh, page, ada, bea });
    const during = await sendFrom(senders, texts.slice(20, 70));
    if (suspension.isDeaf) await until(() => senders.every(({ device }) => device.links().length === 0));
    if (suspension.answersPings) {
      await mesh.scope.mesh.stopRegistry();
      await mesh.scope.startRegistry();
      await until(() => senders.every(({ device }) => device.state === "connected"));
    } else await mesh.scope.gone("tab");
    const late = await sendFrom(senders, texts.slice(70));
    if (suspension.isDeaf) await until(async () => !(await ada.device.memberOf("@tab")).live);

    await resume();
    const count = 2 * texts.length;
    await page.ask("messages", count);
    await page.ask("session", "connected", before);
    expect(new Set(await Promise.all([...during, ...late]))).toEqual(new Set(["delivered"]));
    for (const { device } of senders)
      expect(await receivedFrom(page, device.name, count)).toEqual(texts.map((text) => `${device.name} ${text}`));
    expect(await page.ask("isLive", "@ada")).toBe(true);
    expect((await ada.device.memberOf("@tab")).live).toBe(true);
    expect(await page.ask("connect", "@ada")).toMatchObject({ name: "ada", state: "open", path: "direct" });
    const after = await page.ask("mark");
    expect(await page.ask("send", "@bea", "I am back")).toMatchObject({ state: "delivered" });
    expect((await page.ask("messages", count)).length).toBe(count);
    // It stays so.
    expect(await page.ask("mark")).toBe(after);
    expect((await page.ask("refusals")).filter((code) => code !== "unreachable")).toEqual([]);
  });

  it("that was discarded finds all that came meanwhile in its next page, in order and once", async () => {
    await using mesh = await BrowserMesh.start({ bounds });
    const [ada, bea] = [await mesh.joinNode("ada"), await mesh.joinNode("bea")];
    const page = await mesh.joinPage("tab");
    await ada.device.connect("@tab");
    const heard = new Events(ada.device);
    const senders = [ada, bea];
    const early = await sendFrom(senders, texts.slice(0, 20));
    expect(new Set(await Promise.all(early))).toEqual(new Set(["delivered"]));
    expect((await page.ask("messages", 40)).length).toBe(40);

    const sending = sendFrom(senders, texts.slice(20, 70));
    const next = await page.killAndLoad();
    const settled = [...(await sending), ...(await sendFrom(senders, texts.slice(70)))];
    const opening = (): Promise<string> => next.ask("openAgain").catch((error: unknown) => toParleyError(error).code);
    const { member } = await ada.device.memberOf("@tab");
    await expect.poll(opening, { timeout: 20_000 }).toBe(member);
    expect(new Set(await Promise.all(settled))).toEqual(new Set(["delivered"]));
    // The next page goes on where the first one ended, and flags what that one may have handled.
    for (const { device } of senders) {
      const expected = texts.map((text) => `${device.name} ${text}`);
      const last = expected.at(-1) ?? "";
      await until(async () => (await next.ask("messages", 0)).some(({ text }) => text === last));
      const got = await receivedFrom(next, device.name, 0);
      expect(got).toEqual(expected.slice(-got.length));
      const repeats = expected.slice(0, 20).filter((text) => got.includes(text));
      expect(await next.ask("redelivered")).toEqual(expect.arrayContaining(repeats));
    }
    expect(await next.ask("connect", "@ada")).toMatchObject({ name: "ada", state: "open" });
    expect(heard.refusals).toEqual([]);
    await next.ask("stop");
  });
});
