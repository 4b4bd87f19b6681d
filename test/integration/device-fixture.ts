import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import {
  Device,
  type DeviceEvent,
  type DeviceOptions,
  type IncomingMessage,
  type JoinedMesh,
  type LinkView,
} from "@parley/client";
import { type Link, type LinkCallbacks, type LinkFactory, type LinkOptions, openMemoryJournal } from "@parley/core";
import { NodeLinkFactory } from "@parley/peer/node";
import { vi } from "vitest";

import {
  type MemberOptions,
  type TestMember,
  TestMesh,
  type TestMeshOptions,
} from "../../packages/testkit/src/mesh/test-mesh.ts";

/** Real links that a test can cut, count and forbid. */
export class LinkControl implements LinkFactory {
  readonly #inner = new NodeLinkFactory();
  readonly #networkWatchers = new Set<() => void>();
  /** Every link ever made. */
  readonly links: Link[] = [];
  /** Wraps the callbacks of links to come. */
  tap: (callbacks: LinkCallbacks, link: () => Link | undefined) => LinkCallbacks = (callbacks) => callbacks;
  /** Wraps links to come. */
  wrap: (link: Link) => Link = (link) => link;

  create(options: LinkOptions, callbacks: LinkCallbacks): Link {
    const holder: { link?: Link } = {};
    const tapped = this.tap(callbacks, () => holder.link);
    const link = this.wrap(this.#inner.create(options, tapped));
    holder.link = link;
    this.links.push(link);
    return link;
  }

  get open(): readonly Link[] {
    return this.links.filter((link) => link.isOpen);
  }

  watchNetwork(onChange: () => void): () => void {
    this.#networkWatchers.add(onChange);
    return () => this.#networkWatchers.delete(onChange);
  }

  /** Tells the device that the addresses of its machine changed. */
  changeNetwork(): void {
    for (const onChange of this.#networkWatchers) onChange();
  }

  /** Closes every open link on this side, as a broken network would. */
  cut(): void {
    for (const link of this.open) link.close();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** What a device said, and waits for what it will say. */
export class Events {
  readonly seen: DeviceEvent[] = [];
  #waiting: (() => void)[] = [];

  constructor(device: Device) {
    device.watch((event) => {
      this.seen.push(event);
      for (const look of this.#waiting.splice(0)) look();
    });
  }

  /** The first event from `from` on for which the test is true, now or later. */
  async first<Type extends DeviceEvent["type"]>(
    type: Type,
    test: (event: DeviceEvent & { type: Type }) => boolean = () => true,
    from = 0,
  ): Promise<DeviceEvent & { type: Type }> {
    for (let at = from; ;) {
      for (; at < this.seen.length; at++) {
        const event = this.seen[at];
        if (event?.type === type && test(event as DeviceEvent & { type: Type }))
          return event as DeviceEvent & { type: Type };
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  link(state: LinkView["state"], from = 0): Promise<DeviceEvent & { type: "link" }> {
    return this.first("link", ({ link }) => link.state === state, from);
  }

  session(state: string, from = 0): Promise<DeviceEvent & { type: "session" }> {
    return this.first("session", (event) => event.state === state, from);
  }

  refused(code: string, from = 0): Promise<DeviceEvent & { type: "refused" }> {
    return this.first("refused", (event) => event.code === code, from);
  }

  get refusals(): readonly string[] {
    return this.seen.flatMap((event) => (event.type === "refused" ? [event.code] : []));
  }
}

/** The messages that a device hands out. */
export class Messages {
  readonly all: IncomingMessage[] = [];
  readonly off: () => void;
  #waiting: (() => void)[] = [];

  constructor(device: Device, handle: (message: IncomingMessage) => void | Promise<void> = () => undefined) {
    this.off = device.onMessage((message) => {
      this.all.push(message);
      for (const look of this.#waiting.splice(0)) look();
      return handle(message);
    });
  }

  async count(count: number): Promise<readonly IncomingMessage[]> {
    while (this.all.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.all;
  }

  get texts(): readonly string[] {
    return this.all.map(({ text }) => text);
  }
}

export interface Joined extends TestMember {
  readonly events: Events;
  readonly links: LinkControl;
}

/** A mesh on real sockets; stops at the end of its scope. */
export class MeshScope implements AsyncDisposable {
  readonly mesh: TestMesh;
  readonly #factories: LinkControl[] = [];
  readonly #devices: Device[] = [];
  readonly #folders: string[] = [];

  private constructor(mesh: TestMesh) {
    this.mesh = mesh;
  }

  static async start(options: TestMeshOptions = {}): Promise<MeshScope> {
    const bounds = {
      pairingTriesPerMinute: 1000,
      pairingTriesTotalPerMinute: 1000,
      secretRequestsPerSecond: 1000,
      ...options.registry?.bounds,
    };
    return new MeshScope(await TestMesh.start({ ...options, registry: { ...options.registry, bounds } }));
  }

  /** A new member, let in and connected; with links unless `links` is false. */
  async join(name: string, options: Omit<MemberOptions, "links"> & { readonly links?: false } = {}): Promise<Joined> {
    const { links, ...rest } = options;
    return this.#joined((control) => this.mesh.join(name, { ...rest, ...linksOf(control, links) }));
  }

  /** The next start of a device that was stopped. */
  async restart(
    joined: JoinedMesh,
    options: Omit<MemberOptions, "links"> & { readonly links?: false } = {},
  ): Promise<Joined> {
    const { links, ...rest } = options;
    return this.#joined((control) => this.mesh.open(joined, { ...rest, ...linksOf(control, links) }));
  }

  /** A device of a member that was let in, not started; by way of another address than the registry's own if told so. */
  async opened(joined: JoinedMesh, options: Partial<DeviceOptions> = {}): Promise<Device> {
    const { identity, trust } = joined;
    const device = await Device.open({
      strangers: "take",
      identity,
      trust,
      registry: this.mesh.origin,
      journal: openMemoryJournal(),
      ...options,
    });
    this.#devices.push(device);
    return device;
  }

  /** Resolves when the registry knows that a member is not connected. */
  async gone(name: string): Promise<void> {
    const { device } = this.mesh.operator;
    await until(async () => (await device.request("directory.get", { name })).devices.length === 0);
  }

  /** Starts the registry again and waits for the operator. */
  async startRegistry(): Promise<void> {
    await this.mesh.startRegistry();
    await until(() => this.mesh.operator.device.state === "connected");
  }

  /** A folder that goes with the mesh. */
  async folder(): Promise<string> {
    const folder = await mkdtemp(path.join(tmpdir(), "parley-device-"));
    this.#folders.push(folder);
    return folder;
  }

  /** A factory that ends with the mesh. */
  control(): LinkControl {
    const control = new LinkControl();
    this.#factories.push(control);
    return control;
  }

  async #joined(open: (control: LinkControl) => Promise<TestMember>): Promise<Joined> {
    const links = this.control();
    const member = await open(links);
    return { ...member, links, events: new Events(member.device) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#devices.map((device) => device.stop()));
    await this.mesh.stop();
    await Promise.all(this.#factories.map((factory) => factory.close()));
    await Promise.all(this.#folders.map((folder) => rm(folder, { recursive: true, force: true })));
  }
}

const linksOf = (factory: LinkControl, links: false | undefined): Pick<MemberOptions, "links"> =>
  links === false ? {} : { links: { factory } };

/** Looks again and again until it is so: for what nobody tells. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  await vi.waitUntil(isSo, { interval: 5, timeout: 60_000 });
}

/** The texts `prefix 0` to `prefix count-1`. */
export const numbered = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix} ${index}`);
