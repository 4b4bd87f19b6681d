/** The holder's side: opens a device to other programs of the same person, over a Unix socket in a private folder. */
import { chmod, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";

import type { DeviceApi } from "@parley/client";
import { listenPathOf } from "@parley/client/node";
import { ParleyError } from "@parley/protocol";

import { prepareBodyFolder, removeBodyFolder } from "./body-files.ts";
import { LocalCaller } from "./local-caller.ts";
import { localError } from "./local-error.ts";
import { mostConnections } from "./local-lines.ts";
import type { SkillHost } from "./skill-host.ts";
import { createSocketSecret, removeSocketSecret } from "./socket-secret.ts";

export interface DeviceSocketOptions {
  readonly device: DeviceApi;
  /** In a folder that only its owner may enter; the caller holds the device's lock, so what lies there is left over. */
  readonly path: string;
  /** The agent at work in this process, if programs may serve skills through it. */
  readonly host?: SkillHost | undefined;
}

export class DeviceSocket {
  readonly #listener: Server;
  readonly #callers = new Set<LocalCaller>();
  readonly #options: DeviceSocketOptions;
  readonly #since = Date.now();
  readonly #secret: string;
  readonly #folder: string;
  #left: Promise<void> | undefined;

  private constructor(options: DeviceSocketOptions, secret: string, folder: string) {
    this.#options = options;
    this.#secret = secret;
    this.#folder = folder;
    this.#listener = createServer((socket) => this.#accept(socket));
  }

  /** Listens. Throws `storage_unavailable` when the socket cannot be made there, or the folder is not private. */
  static async open(options: DeviceSocketOptions): Promise<DeviceSocket> {
    const secret = await createSocketSecret(options.path);
    const opened = new DeviceSocket(options, secret, await prepareBodyFolder(options.path));
    const listened = listenPathOf(options.path);
    await rm(options.path, { force: true });
    await new Promise<void>((resolve, reject) => {
      opened.#listener.once("error", (cause) => {
        reject(
          new ParleyError("storage_unavailable", {
            message: `The device's socket ${options.path} cannot be opened; check the rights of its folder.`,
            cause,
          }),
        );
      });
      opened.#listener.listen(listened, resolve);
    });
    // A pipe of Windows is no file; whoever connects shows the secret there as here.
    if (listened === options.path) await chmod(options.path, 0o600);
    // An accept that fails, for want of file descriptors, is the caller's to repeat.
    opened.#listener.on("error", () => undefined);
    return opened;
  }

  /** Requests that others wait for, the endless ones apart. */
  get busy(): boolean {
    return [...this.#callers].some((caller) => caller.busy);
  }

  /** Lets nobody in any more, and waits, at most `ms`, until no other program waits for a reply. */
  async settle(ms: number): Promise<void> {
    void this.#leaveOff();
    const deadline = Date.now() + ms;
    while (this.busy && Date.now() < deadline) {
      const waiting = [...this.#callers].filter((caller) => caller.busy);
      await Promise.race(waiting.map((caller) => caller.settled(deadline - Date.now())));
    }
  }

  async close(): Promise<void> {
    const closed = this.#leaveOff();
    for (const caller of this.#callers) caller.close();
    await closed;
    await removeSocketSecret(this.#options.path);
    await removeBodyFolder(this.#options.path);
    await rm(this.#options.path, { force: true });
  }

  /** Resolves when the last connection is gone. */
  #leaveOff(): Promise<void> {
    this.#left ??= new Promise((resolve) => {
      this.#listener.close(() => resolve());
    });
    return this.#left;
  }

  #accept(socket: Socket): void {
    if (this.#callers.size >= mostConnections) {
      socket.end(
        `${JSON.stringify({ error: localError(new ParleyError("limit_reached", { message: `This device has ${mostConnections} local connections already.` })) })}\n`,
      );
      socket.on("error", () => undefined);
      socket.destroySoon();
      return;
    }
    const { device, host } = this.#options;
    const asked = { device, host, since: this.#since, secret: this.#secret, folder: this.#folder };
    const caller: LocalCaller = new LocalCaller(socket, asked, () => this.#callers.delete(caller));
    this.#callers.add(caller);
  }
}
