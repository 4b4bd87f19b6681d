import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { watchMachine } from "../src/network-watch.ts";
import { RouteWatch } from "../src/route-watch.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it("tells a change of addresses or of the way out, once each, and nothing after its end", async () => {
  let address = "192.0.2.1";
  let sources = ["192.0.2.1"];
  const onChange = vi.fn();
  const machine = {
    addresses: () => [{ name: "eth0", address, cidr: null, internal: false }],
    sources: () => Promise.resolve(sources),
  };
  const leave = watchMachine(machine, onChange);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(onChange).not.toHaveBeenCalled();
  address = "192.0.2.2";
  await vi.advanceTimersByTimeAsync(2000);
  expect(onChange).toHaveBeenCalledTimes(1);
  sources = [];
  await vi.advanceTimersByTimeAsync(10_000);
  expect(onChange).toHaveBeenCalledTimes(2);
  leave();
  address = "192.0.2.3";
  await vi.advanceTimersByTimeAsync(10_000);
  expect(onChange).toHaveBeenCalledTimes(2);
});

it("tells when a link's route changes in its first seconds", async () => {
  let path: "turn" | "direct" = "turn";
  const onChange = vi.fn();
  const watch = new RouteWatch(() => Promise.resolve({ path, local: "a", remote: "b" }), onChange);
  await vi.advanceTimersByTimeAsync(100);
  expect(onChange).not.toHaveBeenCalled();
  path = "direct";
  await vi.advanceTimersByTimeAsync(100);
  expect(onChange.mock.calls).toEqual([[{ path: "direct", local: "a", remote: "b" }]]);
  watch.stop();
  path = "turn";
  await vi.advanceTimersByTimeAsync(10_000);
  expect(onChange).toHaveBeenCalledTimes(1);
});
