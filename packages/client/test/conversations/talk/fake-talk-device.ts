import type { DeviceApi, DeviceEvent, IncomingMessage, IncomingPost } from "../../../src/index.ts";

type Handler<Item> = (item: Item) => void | Promise<void>;

/** The part of a device that loops stand on: a test says what comes, and sees what became of it. */
export class FakeTalkDevice {
  readonly watchers = new Set<(event: DeviceEvent) => void>();
  readonly subscribed: unknown[] = [];
  /** What handlers gave back, and whether they had left before. */
  readonly givenBack: { readonly code: unknown; readonly left: boolean }[] = [];
  handler: Handler<IncomingMessage> | undefined;
  post: Handler<IncomingPost> | undefined;
  refusal: Error | undefined;
  readonly done: string[] = [];

  get api(): DeviceApi {
    const conversations: Partial<DeviceApi["conversations"]> = {
      subscribe: async (channel, handler, options) => {
        this.subscribed.push([channel, options]);
        if (this.refusal !== undefined) throw this.refusal;
        this.post = handler;
        return () => {
          this.post = undefined;
        };
      },
    };
    const device: Partial<DeviceApi> = {
      member: "m",
      device: "d",
      name: "ada",
      mesh: "x",
      conversations: conversations as DeviceApi["conversations"],
      watch: (listener) => {
        this.watchers.add(listener);
        return () => this.watchers.delete(listener);
      },
      onMessage: (handler) => {
        this.handler = handler;
        return () => {
          this.handler = undefined;
        };
      },
    };
    return device as DeviceApi;
  }

  emit(event: DeviceEvent): void {
    for (const watcher of this.watchers) watcher(event);
  }

  /** A direct message comes; resolves when it was dealt with or given back. */
  message(text: string): Promise<void> {
    return this.#hand(text, this.handler, { text } as IncomingMessage, () => this.handler === undefined);
  }

  posted(id: string): Promise<void> {
    return this.#hand(id, this.post, { message: { id } } as IncomingPost, () => this.post === undefined);
  }

  async #hand<Item>(name: string, handler: Handler<Item> | undefined, item: Item, left: () => boolean): Promise<void> {
    if (handler === undefined) throw new Error("Nobody reads.");
    try {
      await handler(item);
      this.done.push(name);
    } catch (error) {
      this.givenBack.push({ code: (error as { code?: unknown }).code, left: left() });
    }
  }
}
