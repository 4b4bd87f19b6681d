import { OutboundStream } from "@parley/core";
import { FrameWriter, toBase64url } from "@parley/protocol";
import { testEnvelope } from "@parley/testkit";
import { describe, expect, it } from "vitest";

import { Custody } from "../src/custody.ts";
import { type Carrier, DeviceLanes } from "../src/device-lanes.ts";
import type { MemberView } from "../src/member-view.ts";
import { Takers } from "../src/takers.ts";

const link = { path: "direct" as const };
const carrier: Carrier = { device: "one", flush: () => undefined, link, connected: true };

/** Lanes of a stream to an agent whose inbox one of its two instances holds, and what was told of those that went. */
function scene(): { lanes: DeviceLanes; dropped: number[]; write: () => void } {
  const stream = new OutboundStream({ class: "durable", epoch: toBase64url(new Uint8Array(16)) });
  for (const text of ["a", "b"]) stream.push(testEnvelope(new TextEncoder().encode(text)));
  const view = {
    kind: "agent",
    live: true,
    devices: [{ device: "one", inbox: 1 }],
    verified: {
      devices: new Map([
        ["one", {}],
        ["two", {}],
      ]),
    },
  } as unknown as MemberView;
  const takers = new Takers(() => view, undefined, undefined);
  const custody = new Custody({ stream, takers, keptUpTo: () => 0 });
  const dropped: number[] = [];
  const onDropped = (carriedUpTo: number): void => void dropped.push(carriedUpTo);
  const lanes = new DeviceLanes({ stream, takers, custody, monotonic: () => 0, onDropped });
  lanes.meet(carrier);
  lanes.refit();
  return { lanes, dropped, write: () => void lanes.write(new FrameWriter(), "one") };
}

describe("the lane of a device that goes", () => {
  it("tells what it carried, also when that was to be sent again", () => {
    const { lanes, dropped, write } = scene();
    write();
    lanes.retry(3_600_000);
    lanes.drop("one");
    expect(dropped).toEqual([2]);
  });

  it("tells what it carried when its link is replaced by another one", () => {
    const { lanes, dropped, write } = scene();
    write();
    lanes.meet({ ...carrier, link });
    expect(dropped).toEqual([2]);
  });

  it("tells of nothing that it did not carry", () => {
    const { lanes, dropped } = scene();
    lanes.drop("one");
    expect(dropped).toEqual([0]);
  });
});
