/** Many members of one channel, that hold nothing but a session each and follow it. */
import { type TestIdentity, WireMesh } from "@parley/testkit";

import { PostSession } from "../post-session.ts";
import { answerCommands } from "../role.ts";

/** Members that come in, or connect, at the same time. */
const atOnce = 8;

let mesh: WireMesh | undefined;
let channel = "";
const identities: TestIdentity[] = [];
const sessions: PostSession[] = [];

/** Runs for each place from 0 on, so many at the same time. */
async function forEach(count: number, run: (place: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

const commands = {
  /** Claims the mesh, and lets so many members into it and into its first channel. */
  async admit({ origin, secret, count }: { origin: string; secret: string; count: number }): Promise<void> {
    const claimed = await WireMesh.claim(origin, secret);
    mesh = claimed;
    ({ channel } = (await claimed.operator.request("channel.get", { name: "general" })).channel);
    await forEach(count, async (place) => {
      const identity = await claimed.admit(`m${place}`);
      const session = await PostSession.open(origin, claimed.mesh, identity);
      await session.request("channel.join", { channel });
      session.socket.close();
      identities.push(identity);
    });
  },
  /** Opens the sessions of the next members, with the registry where it is now. */
  async connect({ origin, count }: { origin: string; count: number }): Promise<void> {
    const next = identities.slice(sessions.length, sessions.length + count);
    await forEach(next.length, async (place) => {
      const identity = next[place];
      if (identity === undefined) return;
      const session = await PostSession.open(origin, mesh?.mesh ?? "", identity);
      await session.request("channel.follow", { channels: [{ channel, after: 0 }] });
      sessions.push(session);
    });
  },
  /** Those that are still connected. */
  connected: (): number => sessions.filter(({ socket }) => socket.readyState === socket.OPEN).length,
};

export type ChannelMembersCommands = typeof commands;
answerCommands(commands);
