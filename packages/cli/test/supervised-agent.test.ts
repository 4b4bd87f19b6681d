import { FakeClock, SeededRandom } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import type { AgentChild, ChildEvents } from "../src/supervisor/agent-child.ts";
import { AgentLog } from "../src/supervisor/agent-log.ts";
import { mostDeaths, mostPauseMs, steadyMs } from "../src/supervisor/restart-rule.ts";
import { SupervisedAgent } from "../src/supervisor/supervised-agent.ts";

const ready = JSON.stringify({ event: "ready", name: "sample" });
const drainMs = 1_000;

/** A process that does what the test says. */
class StandIn implements AgentChild {
  readonly pid: number;
  readonly events: ChildEvents;
  readonly signals: string[] = [];
  readonly #end = Promise.withResolvers<string>();
  asked = 0;

  constructor(pid: number, events: ChildEvents) {
    this.pid = pid;
    this.events = events;
  }

  get ended(): Promise<string> {
    return this.#end.promise;
  }

  signal(name: "SIGTERM" | "SIGKILL"): void {
    this.signals.push(name);
    if (name === "SIGKILL") this.end("signal SIGKILL");
  }

  ask(): void {
    this.asked++;
  }

  end(how = "exit code 1"): void {
    this.#end.resolve(how);
  }
}

function scene({ launches }: { launches?: () => void } = {}) {
  const clock = new FakeClock();
  const children: StandIn[] = [];
  const noted: (number | undefined)[] = [];
  const log = new AgentLog("/dev/null");
  const lines: string[] = [];
  log.follow(({ text }) => lines.push(text));
  const agent = new SupervisedAgent({
    name: "sample",
    log,
    clock,
    random: new SeededRandom(1),
    onProcess: (pid) => noted.push(pid),
    launch: async () => {
      launches?.();
      return {
        agent: "sample",
        drainMs,
        start: (events) => {
          const child = new StandIn(100 + children.length, events);
          children.push(child);
          return child;
        },
      };
    },
  });
  const last = (): StandIn => {
    const child = children.at(-1);
    if (child === undefined) throw new Error("nothing was started");
    return child;
  };
  return { agent, clock, children, noted, lines, last };
}

describe("an agent under a supervisor", () => {
  it("starts, becomes ready, and is started again after a pause when it ends", async () => {
    const { agent, clock, children, noted, last } = scene();
    await agent.start();
    expect(agent.view).toMatchObject({ state: "starting", pid: 100, restarts: 0 });
    last().events.line("out", ready);
    expect(agent.view).toMatchObject({ state: "running", since: clock.now() });
    await clock.run(steadyMs);
    last().end("signal SIGKILL");
    await clock.run(0);
    expect(agent.view).toMatchObject({ state: "waiting", reason: "signal SIGKILL" });
    expect(agent.view.pid).toBeUndefined();
    await clock.run(mostPauseMs);
    expect(children).toHaveLength(2);
    expect(agent.view).toMatchObject({ state: "starting", restarts: 1 });
    expect(noted).toEqual([100, undefined, 101]);
  });

  it("is held back after too many ends, with the words of the last, until somebody asks for a start", async () => {
    const { agent, clock, children, lines, last } = scene();
    await agent.start();
    for (let death = 0; death < mostDeaths; death++) {
      last().events.line("err", JSON.stringify({ error: { code: "invalid_manifest", message: "line 3 is odd" } }));
      last().end();
      await clock.run(0);
      await clock.run((agent.view.nextAt ?? clock.now()) - clock.now());
    }
    expect(agent.view).toMatchObject({
      state: "held",
      reason: expect.stringContaining("line 3 is odd (invalid_manifest)") as string,
    });
    await clock.run(3_600_000);
    expect(children).toHaveLength(mostDeaths);
    expect(lines.at(-1)).toContain("held back");
    await agent.restart();
    expect(agent.view.state).toBe("starting");
    expect(agent.view.reason).toBeUndefined();
    last().end();
    await clock.run(mostPauseMs);
    expect(children).toHaveLength(mostDeaths + 2);
  });

  it("stays stopped, also while it waited for its next start", async () => {
    const { agent, clock, children, last } = scene();
    await agent.start();
    last().end();
    await clock.run(0);
    expect(agent.view.state).toBe("waiting");
    await agent.stop();
    await clock.run(mostPauseMs);
    expect(agent.view.state).toBe("stopped");
    expect(children).toHaveLength(1);
  });

  it("gets the time of its manifest to end, and is killed after that", async () => {
    const { agent, clock, last } = scene();
    await agent.start();
    last().events.line("out", ready);
    const stopped = agent.stop();
    await clock.run(drainMs - 1);
    expect(last().signals).toEqual(["SIGTERM"]);
    expect(agent.view.state).toBe("stopping");
    await clock.run(1);
    await stopped;
    expect(last().signals).toEqual(["SIGTERM", "SIGKILL"]);
    expect(agent.view.state).toBe("stopped");
  });

  it("that never becomes ready is ended and counts as one that died", async () => {
    const { agent, clock, last } = scene();
    await agent.start();
    await clock.run(120_000);
    expect(last().signals).toEqual(["SIGKILL"]);
    expect(agent.view).toMatchObject({ state: "waiting" });
  });

  it("starts once, however often that is asked at the same moment", async () => {
    const { agent, children, last } = scene();
    await Promise.all([agent.start(), agent.start(), agent.start()]);
    expect(children).toHaveLength(1);
    const restarts = Promise.all([agent.restart(), agent.stop()]);
    last().end();
    await new Promise(setImmediate);
    last().end("exit code 0");
    await restarts;
    expect(children).toHaveLength(2);
    expect(agent.view.state).toBe("stopped");
  });

  it("that cannot even be started waits like one that ended", async () => {
    let broken = true;
    const { agent, clock, children } = scene({
      launches: () => {
        if (broken) throw new Error("no room");
      },
    });
    await agent.start();
    expect(agent.view).toMatchObject({ state: "waiting" });
    broken = false;
    await clock.run(mostPauseMs);
    expect(children).toHaveLength(1);
  });

  it("shows the processor's share of the last measured time, its memory and its tasks", async () => {
    const { agent, clock, last } = scene();
    await agent.start();
    last().events.line("out", ready);
    expect(last().asked).toBe(1);
    await clock.run(1_000);
    last().events.use({ cpuMs: 500, memoryBytes: 1024, tasks: 2 });
    expect(agent.view).toMatchObject({ cpu: 50, memoryBytes: 1024, tasks: 2 });
    await clock.run(1_000);
    last().events.use({ cpuMs: 510, memoryBytes: 2048, tasks: 0 });
    expect(agent.view).toMatchObject({ cpu: 1, memoryBytes: 2048, tasks: 0 });
  });

  it("is not taken in by a program that prints what only the first word may be", async () => {
    const { agent, last } = scene();
    await agent.start();
    last().events.line("err", ready);
    last().events.line("out", "{not json");
    last().events.line("out", JSON.stringify({ event: "ready" }));
    expect(agent.view.state).toBe("starting");
  });
});
