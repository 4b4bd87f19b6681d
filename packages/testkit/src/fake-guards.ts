import type { AttentionMode, AttentionView, GuardApi, HeldClient, LoopStop, Standing } from "@parley/client";

/** Guards in memory, for a device that does what a test tells it. */
export class FakeGuards implements GuardApi {
  standing: Standing = {
    kind: "agent",
    roles: ["member"],
    trust: "member",
    verified: false,
    waits: false,
    isBlocked: false,
    tags: [],
  };
  readonly stopped: LoopStop[] = [];
  readonly clients: HeldClient[] = [];
  readonly admitted = new Set<string>();
  redacts = false;
  view: AttentionView = { mode: undefined, until: undefined };

  standingOf(): Promise<Standing> {
    return Promise.resolve(this.standing);
  }

  attention(): Promise<AttentionView> {
    return Promise.resolve(this.view);
  }

  setAttention(mode: AttentionMode | undefined): Promise<AttentionView> {
    this.view = { mode, until: undefined };
    return Promise.resolve(this.view);
  }

  loops(): Promise<readonly LoopStop[]> {
    return Promise.resolve(this.stopped);
  }

  stopLoop(loop: LoopStop): Promise<boolean> {
    this.stopped.push(loop);
    return Promise.resolve(true);
  }

  resumeLoop(conversation: string): Promise<boolean> {
    const at = this.stopped.findIndex((loop) => loop.conversation === conversation);
    if (at >= 0) this.stopped.splice(at, 1);
    return Promise.resolve(at >= 0);
  }

  held(): Promise<readonly HeldClient[]> {
    return Promise.resolve(this.clients);
  }

  hold(client: Pick<HeldClient, "id" | "name" | "edge" | "standing">): Promise<boolean> {
    if (this.admitted.has(client.id)) return Promise.resolve(true);
    this.clients.push({ ...client, at: 0, times: 1 });
    return Promise.resolve(false);
  }

  admit(id: string): Promise<void> {
    this.admitted.add(id);
    return Promise.resolve();
  }

  redact(on: boolean): Promise<void> {
    this.redacts = on;
    return Promise.resolve();
  }
}
