import type { DeviceEvent, SessionState } from "@parley/client";
import { expect, it } from "vitest";

import { watchConnection } from "../src/session-watch.ts";

it("tells once that the session was lost and once that it is back", () => {
  let listener: (event: DeviceEvent) => void = () => undefined;
  const told: boolean[] = [];
  const device = {
    state: "connected" as SessionState,
    watch: (given: typeof listener) => {
      listener = given;
      return () => (listener = () => undefined);
    },
  };
  const leave = watchConnection(device, (connected) => told.push(connected));
  const go = (...states: SessionState[]): void => {
    for (const state of states) listener({ type: "session", state });
  };
  go("connected", "waiting", "connecting", "waiting", "connecting", "connected", "connected");
  expect(told).toEqual([false, true]);
  go("waiting");
  leave();
  go("connected");
  expect(told).toEqual([false, true, false]);
});
