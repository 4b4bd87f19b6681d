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
  /** From the first send to the link that is used in the end; undefined without one. */
  readonly linkMs: number | undefined;
  readonly route: string | undefined;
  /** Why there is no link. */
  readonly reason: string | undefined;
}

const betterWaitMs = 1500;
const deliveryWaitMs = 10_000;

/** `waitMs` is how long a link may take to come up. */
export async function tryPair(mesh: LabMesh, from: Host, to: Host, waitMs: number): Promise<PairResult> {
  const command = await mesh.startDevice(from);
  try {
    const device = await mesh.attach(from);
    try {
      return { from: from.kind, to: to.kind, ...(await meet(device, to.name, waitMs)) };
    } finally {
      await device.stop();
    }
  } finally {
    await command.interrupt();
  }
}

async function meet(device: AttachedDevice, name: string, waitMs: number): Promise<Omit<PairResult, "from" | "to">> {
  const started = performance.now();
  const link = settledLink(device, name, waitMs);
  const first = await send(device, name);
  const ended = await link;
  const linkMs = ended?.link.state === "open" ? ended.at - started : undefined;
  const last = await send(device, name);
  const { route } = ended?.link ?? {};
  return {
    firstPath: first.path,
    firstMs: first.tookMs,
    finalPath: last.path,
    linkMs,
    route: route === undefined ? undefined : `${route.local} > ${route.remote}`,
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

/**
 * The link to a member once it is as good as it gets: direct, or through TURN and not direct a while later, for ICE opens on
 * the first pair that works. What became of the attempt when there is no link.
 */
function settledLink(device: AttachedDevice, name: string, waitMs: number): Promise<LinkEnd | undefined> {
  return new Promise((resolve) => {
    let last: LinkEnd | undefined;
    const finish = (): void => {
      clearTimeout(timer);
      leave();
      resolve(last);
    };
    let timer = setTimeout(finish, waitMs);
    const leave = device.watch((event) => {
      if (event.type !== "link" || event.link.name !== name) return;
      last = { ...event, at: performance.now() };
      if (event.link.state !== "open") return;
      if (event.link.path === "direct") return finish();
      clearTimeout(timer);
      timer = setTimeout(finish, betterWaitMs);
    });
  });
}
