import type { DevicePresence } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import type { MemberView } from "../../src/member-view.ts";
import { TaskPlacement } from "../../src/tasks/task-placement.ts";

const names = ["A", "B", "C"].map((letter) => letter.repeat(43));
const [first = "", second = ""] = names;

const presenceOf = (device: string, load: number, state: DevicePresence["state"] = "connected"): DevicePresence => ({
  device,
  state,
  boot: "AAAAAAAAAAAAAAAAAAAAAA",
  since: 0,
  load,
  consumer: "idle",
});
const viewOf = (loads: readonly number[]): MemberView =>
  ({ devices: loads.map((load, index) => presenceOf(names[index] ?? "", load)) }) as unknown as MemberView;

/** Places so many tasks at once; says how many went to each device. */
function place(placement: TaskPlacement, view: MemberView, count: number): { counts: number[]; ends: (() => void)[] } {
  const ends: (() => void)[] = [];
  const counts = names.map(() => 0);
  for (let task = 0; task < count; task++) {
    const [best] = placement.order(view, () => false);
    ends.push(placement.begin(view, best?.device ?? ""));
    counts[names.indexOf(best?.device ?? "")]! += 1;
  }
  return { counts, ends };
}

describe("placing tasks", () => {
  it("spreads what is delegated at once, though presence has not heard of it", () => {
    expect(place(new TaskPlacement("me"), viewOf([0, 0, 0]), 30).counts).toEqual([10, 10, 10]);
  });

  it("fills up what presence says to be less loaded, and then all alike", () => {
    expect(place(new TaskPlacement("me"), viewOf([6, 3, 0]), 9).counts).toEqual([0, 3, 6]);
    expect(place(new TaskPlacement("me"), viewOf([6, 3, 0]), 12).counts).toEqual([1, 4, 7]);
  });

  it("counts a call once when presence has heard of it, and a call that presence does not count in", () => {
    const placement = new TaskPlacement("me");
    place(placement, viewOf([0, 0, 0]), 30);
    const heard = viewOf([10, 10, 10]);
    expect(heard.devices.map((device) => placement.loadOf(device))).toEqual([10, 10, 10]);
    const early = viewOf([2, 10, 10]);
    expect(early.devices.map((device) => placement.loadOf(device))).toEqual([10, 10, 10]);
    const others = viewOf([10, 25, 10]);
    expect(others.devices.map((device) => placement.loadOf(device))).toEqual([10, 25, 10]);
    placement.begin(others, second);
    expect(others.devices.map((device) => placement.loadOf(device))).toEqual([10, 26, 10]);
  });

  it("forgets a call that has ended", () => {
    const placement = new TaskPlacement("me");
    const view = viewOf([0, 0, 0]);
    const { ends } = place(placement, view, 6);
    for (const end of ends) end();
    expect(view.devices.map((device) => placement.loadOf(device))).toEqual([0, 0, 0]);
    expect(placement.loadOfMember(view)).toBe(0);
  });

  it("prefers a linked device among equals, and never one that is away", () => {
    const placement = new TaskPlacement("me");
    for (const name of names)
      expect(placement.order(viewOf([1, 1, 1]), (device) => device === name)[0]?.device).toBe(name);
    expect(placement.order(viewOf([1, 0, 1]), (device) => device === first)[0]?.device).toBe(second);
    const away = { devices: [presenceOf(first, 0, "stale"), presenceOf(second, 5)] } as unknown as MemberView;
    expect(placement.order(away, () => false).map(({ device }) => device)).toEqual([second]);
    expect(placement.loadOfMember({ ...away, devices: [] })).toBe(Infinity);
  });

  it("begins at another one of equal devices on another device", () => {
    const begun = Array.from({ length: 60 }, (_, index) => {
      const [best] = new TaskPlacement(`device ${index}`).order(viewOf([0, 0, 0]), () => false);
      return best?.device;
    });
    for (const name of names) expect(begun.filter((device) => device === name).length).toBeGreaterThan(8);
  });
});
