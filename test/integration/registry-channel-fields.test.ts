import { readFileSync } from "node:fs";

import { limits, type RequestType, requestTable } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { wrongValues } from "../../packages/protocol/test/wrong-values.ts";
import { outcomeOf, startRegistry } from "./registry-fixture.ts";

const vectors = JSON.parse(
  readFileSync(new URL("../../packages/protocol/vectors/session-messages.json", import.meta.url), "utf8"),
) as { requests: Readonly<Record<RequestType, unknown>> };
const types = (Object.keys(requestTable) as RequestType[]).filter((type) => /^(channel|group|blocks)\./.test(type));

describe("a request about channels", () => {
  it("with a field missing, of another type, out of bounds or too many is refused, and the session goes on", async () => {
    await using registry = await startRegistry({ bounds: { requestsPerSecond: 100_000, pendingRequests: 100_000 } });
    const mesh = await registry.claim();
    const device = await mesh.join("bob");
    const ask = device.request.bind(device) as (type: string, body: unknown) => Promise<unknown>;
    const codes = new Map<string, string>();
    for (const type of types)
      for (const { what, value } of wrongValues(requestTable[type].body, vectors.requests[type])) {
        // What no control message has room for ends the session; that is another test's.
        if (JSON.stringify(value).length > limits.controlBytes - 1000) continue;
        const code = await outcomeOf(ask(type, value));
        if (code !== "invalid_argument") codes.set(`${type} ${what}`, code);
      }
    expect([...codes]).toEqual([]);
    expect(await device.request("ping", {})).toHaveProperty("time");
    expect(registry.lines.filter(({ event }) => event === "session.failed")).toEqual([]);
  });
});
