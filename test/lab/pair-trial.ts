/** One pair: a device that just started sends its first message, and a link comes up or does not. */
import type { DeviceEvent } from "@parley/client";
import type { Path } from "@parley/protocol";
import type { AttachedDevice } from "@parley/sidecar";

import type { NatKind } from "../../packages/cli/src/stun/nat-kind.ts";
import type { Host } from "./internet.ts";
import type { LabMesh } from "./lab-mesh.ts";

export interface PairResult {
  readonly from: NatKind;
  readonly to: NatKind;
  /** Path of the first message; undefined when it was not delivered in time. */
  readonly firstPath: Path | undefined;
  readonly firstMs: number;
  /** Path of a message that was sent when the link was up, or given up. */
  readonly finalPath: Path | undefined;
  /** From the first send to an open link; undefined without one. */
  readonly linkMs: number | undefined;
  readonly route: string | undefined;
  /** Why there is no link. */
  readonly reason: string | undefined;
}

/** A link that is possible is up long before. */
const linkWaitMs = 6000;
const deliveryWaitMs = 10_000;

export async function tryPair(mesh: LabMesh, from: Host, to: Host): Promise<PairResult> {
  const command = await mesh.startDevice(from);
  try {
    const device = await mesh.attach(from);
    try {
      return { from: from.kind, to: to.kind, ...(await meet(device, to.name)) };
    } finally {
      await device.stop();
    }
  } finally {
    await command.interrupt();
  }
}

async function meet(device: AttachedDevice, name: string): Promise<Omit<PairResult, "from" | "to">> {
  const started = performance.now();
  const link = nextLink(device, name);
  const first = await send(device, name);
  const ended = await link;
  const linkMs = ended?.link.state === "open" ? ended.at - started : undefined;
  const last = await send(device, name);
  return {
    firstPath: first.path,
    firstMs: first.tookMs,
    finalPath: last.path,
    linkMs,
    route: ended?.link.route === undefined ? undefined : `${ended.link.route.local} > ${ended.link.route.remote}`,
    reason: linkMs === undefined ? (ended?.reason ?? "no link in time") : undefined,
  };
}

async function send(device: AttachedDevice, name: string): Promise<{ path: Path | undefined; tookMs: number }> {
  const started = performance.now();
  const sent = await device.send(`@${name}`, "hello across");
  const timer = Promise.withResolvers<undefined>();
  const timeout = setTimeout(() => timer.resolve(undefined), deliveryWaitMs);
  const settled = await Promise.race([sent.settled, timer.promise]);
  clearTimeout(timeout);
  return { path: settled?.state === "delivered" ? settled.path : undefined, tookMs: performance.now() - started };
}

type LinkEnd = Extract<DeviceEvent, { type: "link" }> & { readonly at: number };

/** The first link to a member that opens; what became of the attempt when none does. */
function nextLink(device: AttachedDevice, name: string): Promise<LinkEnd | undefined> {
  return new Promise((resolve) => {
    let last: LinkEnd | undefined;
    const finish = (end: LinkEnd | undefined): void => {
      clearTimeout(timer);
      leave();
      resolve(end);
    };
    const timer = setTimeout(() => finish(last), linkWaitMs);
    const leave = device.watch((event) => {
      if (event.type !== "link" || event.link.name !== name) return;
      last = { ...event, at: performance.now() };
      if (event.link.state === "open") finish(last);
    });
  });
}
