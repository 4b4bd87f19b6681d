/** The plain door beside a registry in the same process: its member, its listener, its tokens, and how it gets into the mesh. */
import type { IncomingMessage } from "node:http";

import type { LogLine } from "@parley/client";
import { AwaitedMesh, DeviceMesh, Door, type DoorListener, isLoopbackHost } from "@parley/door";
import { ParleyError, toParleyError } from "@parley/protocol";
import type { TlsKeys, TrustedProxies, UpgradeHandler } from "@parley/registry";

import type { Configuration } from "../configuration.ts";
import { doorHomeOf, doorTokensOf } from "./door-folder.ts";
import { type DoorDeviceHandle, DoorMember, type DoorRegistry } from "./door-member.ts";
import type { DoorNews } from "./door-news.ts";

export interface PlainDoorOptions {
  readonly settings: Configuration;
  readonly log: LogLine;
  readonly onNews: (news: DoorNews) => void;
  readonly proxies: TrustedProxies;
  readonly tls?: TlsKeys;
}

const unclaimed = "Nobody has claimed this mesh yet; its first operator opens the link that `parley up` printed.";
const connecting = "The door is connecting to the mesh; try again in a moment.";

export class PlainDoor {
  readonly #member: DoorMember;
  readonly #mesh: AwaitedMesh;
  readonly #door: Door;
  readonly #options: PlainDoorOptions;
  readonly #ending = new AbortController();
  #listener: DoorListener | undefined;
  #handle: DoorDeviceHandle | undefined;
  #running: Promise<void> = Promise.resolve();

  private constructor(member: DoorMember, mesh: AwaitedMesh, door: Door, options: PlainDoorOptions) {
    this.#member = member;
    this.#mesh = mesh;
    this.#door = door;
    this.#options = options;
  }

  /** Undefined when the settings open no door. Throws `invalid_config`, `device_in_use`, `storage_unavailable`. */
  static async open(options: PlainDoorOptions): Promise<PlainDoor | undefined> {
    const { settings, log } = options;
    if (settings.get("chat-port") === undefined) return undefined;
    const data = settings.get("data");
    const origins = settings.get("chat-origin")?.map((text) => originOf("chat-origin", text));
    const tokens = await doorTokensOf(data);
    const member = await DoorMember.open({ folder: doorHomeOf(data), log });
    try {
      const mesh = new AwaitedMesh({ member: member.member, name: member.name }, unclaimed);
      const door = new Door({
        mesh,
        tokens,
        name: settings.get("chat-name"),
        replay: settings.get("chat-replay"),
        rate: settings.get("chat-rate"),
        burst: settings.get("chat-burst"),
        addressOf: (request) => countedAddress(options.proxies, request),
        log: (level, event, fields) => log(level, event, fields),
        ...(origins === undefined ? {} : { allowedOrigins: origins }),
      });
      return new PlainDoor(member, mesh, door, options);
    } catch (error) {
      member.close();
      throw error;
    }
  }

  /** Id of the member that it is. */
  get member(): string {
    return this.#member.member;
  }

  /** New connections of its own port get this certificate. Throws `invalid_config`, and goes on with the earlier one. */
  setTls(tls: TlsKeys): void {
    this.#listener?.setTls(tls);
  }

  get name(): string {
    return this.#member.name;
  }

  /** For `/chat` of the registry. Guests come in there only when nothing stands before it. */
  get upgrades(): UpgradeHandler {
    const { settings } = this.#options;
    return this.#door.upgradeHandler({ loopback: isLoopbackHost(settings.get("host")) && !isPublic(settings) });
  }

  /** Listens, and gets into the mesh as soon as there is one. Throws `address_in_use` or `invalid_config`. */
  async start(registry: DoorRegistry, origin: string): Promise<DoorListener> {
    const { settings, tls } = this.#options;
    await this.#door.start();
    const port = settings.get("chat-port");
    const listener = await this.#door.listen({
      host: settings.get("chat-host"),
      guests: !isPublic(settings),
      ...(port === undefined ? {} : { port }),
      ...(tls === undefined ? {} : { tls }),
    });
    this.#listener = listener;
    this.#running = this.#run(registry, origin);
    return listener;
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await this.#door.close();
    await this.#running;
    await this.#handle?.close();
    this.#member.close();
  }

  async #run(registry: DoorRegistry, origin: string): Promise<void> {
    const { signal } = this.#ending;
    try {
      await Promise.race([registry.claimed, untilEnd(signal)]);
      signal.throwIfAborted();
      this.#mesh.lack(connecting);
      await this.#member.join(registry, origin, () => this.#wait(), signal);
      this.#mesh.lack(connecting);
      this.#handle = await this.#member.openDevice(origin, (error) => this.#ended(error));
      const { device } = this.#handle;
      await device.start({ signal });
      this.#mesh.become(new DeviceMesh(device, (error) => this.#failed(error)));
      this.#tell("admitted");
    } catch (error) {
      if (!signal.aborted) this.#ended(toParleyError(error));
    }
  }

  #wait(): void {
    this.#mesh.lack(
      `This door is not in the mesh yet: it waits for an operator, who runs \`parley member approve ${this.name}\`.`,
    );
    this.#tell("pending");
  }

  #tell(state: "pending" | "admitted"): void {
    this.#options.onNews({ state, name: this.name, member: this.member });
  }

  #ended(error: ParleyError): void {
    if (this.#ending.signal.aborted) return;
    this.#mesh.lack(`This door is not in the mesh any more (${error.code}); ask an operator.`);
    this.#options.onNews({ state: "ended", name: this.name, member: this.member, error });
  }

  #failed(error: unknown): void {
    this.#options.log("warn", "door.failed", { code: toParleyError(error).code });
  }
}

/** What the door counts a connection by: the same as the registry does. */
function countedAddress(proxies: TrustedProxies, request: IncomingMessage): string {
  const { address, group } = proxies.clientAddress(request);
  return isLoopbackHost(address) ? address : group;
}

/** Whether the mesh has an address elsewhere: a proxy or a tunnel, which need not say so in a header, may end at this machine. */
function isPublic(settings: Configuration): boolean {
  const origin = settings.get("origin");
  return origin !== undefined && !isLoopbackHost(URL.parse(origin)?.hostname ?? "");
}

function untilEnd(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

export function originOf(setting: string, text: string): string {
  const url = URL.parse(text);
  if (url === null || url.origin === "null" || (text !== url.origin && text !== `${url.origin}/`))
    throw new ParleyError("invalid_config", {
      message: `${setting}: ${text} is not an origin like https://chat.example.org.`,
    });
  return url.origin;
}
