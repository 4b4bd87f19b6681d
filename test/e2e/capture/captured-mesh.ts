import { join } from "node:path";

import {
  awaitAdmission,
  createIdentityDraft,
  Device,
  type DeviceOptions,
  enrolDevice,
  type Identity,
  type JoinedMesh,
  MemberDevices,
  Operator,
  pairWithLink,
} from "@parley/client";
import { type Journal, openMemoryJournal, systemClock } from "@parley/core";
import { MlsGroups } from "@parley/mls";
import { parseInviteLink } from "@parley/protocol";

import { Events, LinkControl, until } from "../../integration/device-fixture.ts";
import { startRegistry } from "../cli-mesh.ts";
import { type CleanUp, type RunningCommand, temporaryFolder } from "../cli-process.ts";
import { Capture } from "./capture.ts";
import { CapturingProxy } from "./capturing-proxy.ts";
import type { DatagramTap } from "./datagram-tap.ts";

export interface CapturedMember {
  readonly device: Device;
  readonly joined: JoinedMesh;
  readonly journal: Journal;
  readonly events: Events;
  readonly identity: () => Identity;
}

export interface CapturedOptions extends Partial<Omit<DeviceOptions, "identity" | "registry" | "trust" | "links">> {
  readonly kind?: "agent" | "person";
  /** What the device is called in lists. */
  readonly label?: string;
  /** Makes links, on the loopback, whose datagrams pass by here. Default: makes none. */
  readonly tap?: DatagramTap;
}

/**
 * A registry as `parley up` runs it, on SQLite and with a plain door, in a process and a data folder of its own; and devices that reach it only through a
 * proxy that keeps every byte.
 */
export class CapturedMesh {
  readonly capture = new Capture();
  readonly data: string;
  readonly #proxy: CapturingProxy;
  readonly #registry: RunningCommand;
  readonly #realOrigin: string;
  readonly #cleanUp: CleanUp;
  /** What the last device link proves knowledge of: it is handed over outside the mesh. */
  deviceSecret = "";
  #operator: CapturedMember | undefined;

  private constructor(
    data: string,
    registry: RunningCommand,
    realOrigin: string,
    cleanUp: CleanUp,
    start: { readonly capture: Capture; readonly proxy: CapturingProxy },
  ) {
    this.data = data;
    this.capture = start.capture;
    this.#proxy = start.proxy;
    this.#registry = registry;
    this.#realOrigin = realOrigin;
    this.#cleanUp = cleanUp;
  }

  static async start(cleanUp: CleanUp): Promise<CapturedMesh> {
    const data = join(temporaryFolder(cleanUp), "registry");
    const flags = ["--chat-port", "0", "--log", "debug"];
    const { registry, ready } = await startRegistry(data, 0, cleanUp, flags);
    const capture = new Capture();
    const proxy = await CapturingProxy.start(ready.origin, capture);
    cleanUp(() => proxy[Symbol.asyncDispose]());
    const mesh = new CapturedMesh(data, registry, ready.origin, cleanUp, { capture, proxy });
    await mesh.#claim(ready.claim);
    return mesh;
  }

  get origin(): string {
    return this.#proxy.origin;
  }

  get operator(): CapturedMember {
    if (this.#operator === undefined) throw new Error("The mesh is not claimed.");
    return this.#operator;
  }

  /** A new member, invited, approved and connected. */
  async join(name: string, options: CapturedOptions = {}): Promise<CapturedMember> {
    const { kind = "agent", label = "test", ...rest } = options;
    const acts = this.#acts();
    const link = parseInviteLink((await acts.createInvite({ kind: "link" })).text);
    const draft = await createIdentityDraft({ name, kind, label, extractable: true });
    const pending = await pairWithLink(draft, link);
    if (!("pairing" in pending)) throw new Error("The member was not asked for.");
    await acts.approve(await acts.pendingOf(pending.pairing));
    return this.open(await awaitAdmission(pending), rest);
  }

  /** One more device of a member. */
  async addDevice(member: CapturedMember, label: string, tap: DatagramTap): Promise<CapturedMember> {
    const devices = new MemberDevices({
      clock: systemClock,
      device: member.device,
      identity: member.identity,
      trust: () => member.joined.trust,
      registry: this.origin,
    });
    const invite = await devices.invite();
    const link = parseInviteLink(invite.text);
    this.deviceSecret = link.payload.kind === "device" ? link.payload.secret : "";
    const [joined] = await Promise.all([enrolDevice(link, { label, extractable: true }), invite.enrolled()]);
    return this.open(joined, { tap });
  }

  /** A device of a member that was let in, connected. */
  async open(joined: JoinedMesh, { tap, ...options }: CapturedOptions): Promise<CapturedMember> {
    const { kind: _, label: __, journal = openMemoryJournal(), ...rest } = options;
    let { identity } = joined;
    const control = new LinkControl();
    if (tap !== undefined) control.tap = (callbacks) => tap.tap(callbacks);
    const device = await Device.open({
      identity,
      registry: this.origin,
      trust: joined.trust,
      journal,
      strangers: "take",
      groups: (parts) => new MlsGroups(parts),
      keepIdentity: async (changed) => void (identity = changed),
      ...(tap !== undefined ? { links: { factory: control, bindAddress: "127.0.0.1" } } : {}),
      ...rest,
    });
    this.#cleanUp(async () => {
      await device.stop();
      await control.close();
    });
    const events = new Events(device);
    await device.start();
    return { device, joined, journal, events, identity: () => identity };
  }

  /** Resolves once a request of this type has reached the registry. */
  async passes(type: string): Promise<void> {
    await until(() => this.capture.messages("socket-in").some((message) => message["type"] === type));
  }

  /** What the registry has kept until now: its data folder, which the door's is in, what it said, and what it counted. */
  async kept(): Promise<Capture> {
    const metrics = await fetch(`${this.#realOrigin}/metrics`);
    const kept = new Capture();
    kept.addFolder(this.data);
    kept.add("kept metrics", await metrics.text());
    return kept;
  }

  /** What the process printed, log lines included. Ends it. */
  async said(): Promise<Capture> {
    const { stdout, stderr } = await this.#registry.stop();
    const said = new Capture();
    said.add("kept standard output", stdout);
    said.add("kept log", stderr);
    return said;
  }

  #acts(): Operator {
    const { device, joined, identity } = this.operator;
    return new Operator({ device, root: identity().root, trust: () => joined.trust, registry: this.origin });
  }

  async #claim(text: string): Promise<void> {
    const link = { ...parseInviteLink(text), registry: this.origin };
    const draft = await createIdentityDraft({ name: "op", kind: "person", label: "test", extractable: true });
    const joined = await pairWithLink(draft, link);
    if (!("admission" in joined)) throw new Error("The mesh was not claimed.");
    this.#operator = await this.open(joined, {});
    const acts = this.#acts();
    await until(async () => (await acts.pending()).length > 0);
    for (const door of await acts.pending()) await acts.approve(door);
  }
}
