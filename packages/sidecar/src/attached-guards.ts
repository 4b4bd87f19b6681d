/** Guards of a device that another process holds. */
import type { AttentionMode, AttentionView, GuardApi, HeldClient, LoopStop, Standing } from "@parley/client";

import type { LocalCalls } from "./local-calls.ts";

export class AttachedGuards implements GuardApi {
  readonly #calls: LocalCalls;

  constructor(calls: LocalCalls) {
    this.#calls = calls;
  }

  standingOf(member: string, { asks }: { asks?: boolean } = {}): Promise<Standing> {
    return this.#calls.call("standingOf", { who: member, ...(asks === undefined ? {} : { asks }) });
  }

  attention(): Promise<AttentionView> {
    return this.#calls.call("attention", {});
  }

  setAttention(mode: AttentionMode | undefined, { forMs }: { forMs?: number } = {}): Promise<AttentionView> {
    const body = { ...(mode === undefined ? {} : { mode }), ...(forMs === undefined ? {} : { forMs }) };
    return this.#calls.call("setAttention", body);
  }

  async loops(): Promise<readonly LoopStop[]> {
    return (await this.#calls.call("loops", {})).loops;
  }

  async stopLoop(loop: LoopStop): Promise<boolean> {
    return (await this.#calls.call("stopLoop", { loop })).changed;
  }

  async resumeLoop(conversation: string): Promise<boolean> {
    return (await this.#calls.call("resumeLoop", { conversation })).changed;
  }

  async held(): Promise<readonly HeldClient[]> {
    return (await this.#calls.call("held", {})).held;
  }

  async hold({ id, name, edge, standing }: Pick<HeldClient, "id" | "name" | "edge" | "standing">): Promise<boolean> {
    return (await this.#calls.call("hold", { client: { id, name, edge, standing } })).admitted;
  }

  async admit(id: string): Promise<void> {
    await this.#calls.call("admit", { id });
  }

  async redact(on: boolean): Promise<void> {
    await this.#calls.call("redact", { on });
  }
}
