/** The mesh of a door that is not in one yet: its clients are told why, until there is one. */
import type { Via } from "@parley/protocol";

import type { DoorMesh, MeshChannel, MeshChannelListener, MeshDirect } from "./door-mesh.ts";
import { Refusal } from "./refusal.ts";

type DirectHandler = (message: MeshDirect) => void | Promise<void>;

export class AwaitedMesh implements DoorMesh {
  readonly #self: DoorMesh["self"];
  #mesh: DoorMesh | undefined;
  #why: string;
  /** Those who hear direct messages, with their way out once there is a mesh. */
  readonly #handlers = new Map<DirectHandler, (() => void) | undefined>();

  /** `self` until there is a mesh that says who the door is; `why` is a sentence for its clients. */
  constructor(self: DoorMesh["self"], why: string) {
    this.#self = self;
    this.#why = why;
  }

  /** From now on this mesh answers. */
  become(mesh: DoorMesh): void {
    this.#mesh = mesh;
    for (const handler of this.#handlers.keys()) this.#handlers.set(handler, mesh.onDirect(handler));
  }

  /** There is no mesh, and this is why. */
  lack(why: string): void {
    this.#why = why;
    this.#mesh = undefined;
    for (const [handler, leave] of this.#handlers) {
      leave?.();
      this.#handlers.set(handler, undefined);
    }
  }

  get self(): DoorMesh["self"] {
    return this.#mesh?.self ?? this.#self;
  }

  async channels(): Promise<readonly MeshChannel[]> {
    return this.#there.channels();
  }

  async enter(channel: string, replay: number, listener: MeshChannelListener): Promise<readonly string[]> {
    return this.#there.enter(channel, replay, listener);
  }

  async leave(channel: string): Promise<void> {
    await this.#there.leave(channel);
  }

  async members(channel: string): Promise<readonly string[]> {
    return this.#there.members(channel);
  }

  async create(channel: string): Promise<void> {
    await this.#there.create(channel);
  }

  async invite(channel: string, name: string): Promise<void> {
    await this.#there.invite(channel, name);
  }

  async post(channel: string, text: string, via: Via): Promise<void> {
    await this.#there.post(channel, text, via);
  }

  async direct(name: string, text: string, via?: Via, to?: string): Promise<string> {
    return this.#there.direct(name, text, via, to);
  }

  async isMember(publicKey: string): Promise<boolean> {
    return this.#there.isMember(publicKey);
  }

  onDirect(handler: DirectHandler): () => void {
    this.#handlers.set(handler, this.#mesh?.onDirect(handler));
    return () => {
      this.#handlers.get(handler)?.();
      this.#handlers.delete(handler);
    };
  }

  get #there(): DoorMesh {
    if (this.#mesh === undefined) throw new Refusal("UNAVAILABLE", this.#why);
    return this.#mesh;
  }
}
