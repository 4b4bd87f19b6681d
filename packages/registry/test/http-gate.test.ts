import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";

import { FakeClock } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { defaultBounds, type RegistryBounds } from "../src/bounds.ts";
import { TrustedProxies } from "../src/client-address.ts";
import { HttpGate } from "../src/http-gate.ts";
import { NodeCounters } from "../src/node-counters.ts";
import { TurnedAway } from "../src/turned-away.ts";

const route = "node";

/** A gate with the bounds of a registry but for these. */
function gateOf(clock: FakeClock, change: Partial<RegistryBounds>): HttpGate {
  const counters = new NodeCounters();
  const turnedAway = new TurnedAway({ counters, monotonic: () => clock.monotonic(), onFirst: () => undefined });
  const bounds = { ...defaultBounds, ...change };
  return new HttpGate({ proxies: new TrustedProxies(), onlyProxies: false, clock, bounds, counters, turnedAway });
}

/** Another connection, with one request. */
function request(): readonly [IncomingMessage, ServerResponse] {
  const incoming = new IncomingMessage(new Socket());
  return [incoming, new ServerResponse(incoming)];
}

function hangUp(response: ServerResponse): void {
  response.destroy();
  response.emit("close");
}

describe("the gate of HTTP requests", () => {
  it("counts a request that hung up while it was held until it would have gone on", async () => {
    const clock = new FakeClock();
    const gate = gateOf(clock, { plainRequestsPerSecond: 0.1, httpHoldMs: 1000, requestsPerAddress: 2 });
    await gate.enter(...request(), route);
    const [held, response] = request();
    const entered = gate.enter(held, response, route).catch((error: unknown) => error);
    hangUp(response);
    await expect(gate.enter(...request(), route)).rejects.toMatchObject({ code: "limit_reached" });
    await clock.run(1000);
    expect(await entered).toMatchObject({ code: "rate_limited" });
    const next = gate.enter(...request(), route).catch((error: unknown) => error);
    await clock.run(1000);
    expect(await next).toMatchObject({ code: "rate_limited" });
  });

  it("counts a request that has entered until its answer is out", async () => {
    const gate = gateOf(new FakeClock(), { requestsPerAddress: 1 });
    const [first, response] = request();
    await gate.enter(first, response, route);
    await expect(gate.enter(...request(), route)).rejects.toMatchObject({ code: "limit_reached" });
    hangUp(response);
    await gate.enter(...request(), route);
  });
});
