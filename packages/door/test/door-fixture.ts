import { FakeClock, SeededRandom } from "@parley/testkit";
import { afterEach } from "vitest";

import { Door, type DoorOptions, DoorTokens, MemoryDoorTokens } from "../src/index.ts";
import { FakeMesh } from "./fake-mesh.ts";
import { PlainClient } from "./plain-client.ts";

export interface Scene {
  readonly door: Door;
  readonly mesh: FakeMesh;
  readonly clock: FakeClock;
  readonly tokens: DoorTokens;
  readonly url: string;
  readonly log: readonly string[];
}

const open: { door: Door; clock: FakeClock }[] = [];

afterEach(async () => {
  for (const { door, clock } of open.splice(0)) {
    const closed = door.close();
    clock.advance(2000);
    await closed;
  }
});

/** A door on a free port of this machine, before a mesh in memory; time stands until told. */
export async function openDoor(options: Partial<DoorOptions> = {}): Promise<Scene> {
  const clock = new FakeClock();
  const random = new SeededRandom(7);
  const mesh = new FakeMesh();
  const tokens = new DoorTokens({ store: new MemoryDoorTokens(), clock, random, cost: 16 });
  const log: string[] = [];
  const door = new Door({
    mesh,
    clock,
    random,
    tokens,
    log: (_level, event, fields) => log.push(`${event} ${JSON.stringify(fields)}`),
    ...options,
  });
  await door.start();
  const { url } = await door.listen({ port: 0 });
  open.push({ door, clock });
  return { door, mesh, clock, tokens, url, log };
}

/** Two that are welcomed and in `#general`, with nothing left unread. */
export async function openPair(
  options: Partial<DoorOptions> = {},
): Promise<Scene & { a: PlainClient; b: PlainClient }> {
  const scene = await openDoor(options);
  const a = await PlainClient.come(scene.url);
  const b = await PlainClient.come(scene.url);
  await a.join("#general");
  await b.join("#general");
  await a.next("AGENT_JOINED");
  await Promise.all([a.rest(), b.rest()]);
  return { ...scene, a, b };
}
