import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { systemClock } from "@parley/core";
import { describe, expect, it, onTestFinished } from "vitest";

import { Door } from "../src/index.ts";
import { AgentchatClient } from "./agentchat-client.ts";
import { FakeMesh } from "./fake-mesh.ts";
import { PlainKey } from "./plain-client.ts";

/** The door under real time, on its own listener and on `/chat` of somebody else's. */
async function openBoth(): Promise<{ own: string; mounted: string; mesh: FakeMesh }> {
  const mesh = new FakeMesh();
  const door = new Door({ mesh, clock: systemClock, name: "agentchat" });
  await door.start();
  const { url } = await door.listen({ port: 0 });
  const http = createServer((_request, response) => response.end("registry"));
  const chat = door.upgradeHandler({ loopback: true });
  http.on("upgrade", (request, socket, head) => {
    if (request.url === "/chat") chat(request, socket, head);
    else socket.destroy();
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    await door.close();
    http.close();
  });
  return { own: url, mounted: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/chat`, mesh };
}

describe("agentchat's own client", () => {
  it("connects, joins, talks, lists, invites and deals, unchanged, on both listeners", async () => {
    const { own, mounted, mesh } = await openBoth();
    const [aKey, bKey] = [new PlainKey(), new PlainKey()];
    const a = new AgentchatClient(own, "alice", aKey);
    const b = new AgentchatClient(mounted, "bob", bKey);
    expect(await a.connect()).toMatchObject({ agent_id: `@${aKey.id}`, server: "agentchat" });
    await b.connect();
    expect(await a.listChannels()).toEqual([
      { name: "#general", agents: 0 },
      { name: "#agents", agents: 0 },
    ]);
    await a.join("#general");
    const [announced] = await Promise.all([a.heard("AGENT_JOINED"), b.join("#general")]);
    expect(announced).toMatchObject({ channel: "#general", agent: b.agentId });
    expect(await b.listAgents("#general")).toEqual([a.agentId, b.agentId]);

    const both = Promise.all([a.heard("MSG"), b.heard("MSG")]);
    a.send("#general", "hello all");
    for (const said of await both)
      expect(said).toMatchObject({ from: a.agentId, to: "#general", content: "hello all" });
    expect(mesh.postsOf("general")[0]?.via).toMatchObject({ name: "alice", signature: expect.any(String) });
    const direct = b.heard("MSG");
    a.dm(b.agentId.slice(1), "only you");
    expect(await direct).toMatchObject({ to: b.agentId, content: "only you", sig: expect.any(String) });

    await a.createChannel("#den", true);
    const invitation = b.heard("MSG");
    a.invite("#den", b.agentId);
    expect((await invitation)["content"]).toContain("#den");
    expect((await b.join("#den"))["agents"]).toEqual([a.agentId, b.agentId]);

    const offered = b.heard("PROPOSAL");
    const mine = await a.propose(b.agentId, "review", {
      amount: 0.5,
      currency: "SOL",
      payment_code: "pm1",
      terms: "net 30",
      expires: 300,
    });
    expect(await offered).toEqual(mine);
    const accepted = a.heard("ACCEPT");
    await b.act("ACCEPT", String(mine["id"]), "payment_code", "pm2");
    expect(await accepted).toMatchObject({ status: "accepted", payment_code: "pm2" });
    const completed = a.heard("COMPLETE");
    await b.act("COMPLETE", String(mine["id"]), "proof", "done");
    expect(await completed).toMatchObject({ status: "completed", completed_by: b.agentId });
    const second = await b.propose(a.agentId, "pay");
    await a.act("REJECT", String(second["id"]), "reason", "no");
    await expect(a.act("DISPUTE", String(second["id"]), "reason", "why")).rejects.toMatchObject({
      message: "PROPOSAL_NOT_ACCEPTED",
    });

    expect(await a.ping()).toMatchObject({ type: "PONG" });
    await expect(a.join("#nowhere")).rejects.toMatchObject({ code: "CHANNEL_NOT_FOUND" });
    const gone = a.heard("AGENT_LEFT");
    b.leave("#general");
    expect(await gone).toMatchObject({ channel: "#general", agent: b.agentId });

    // A third one finds the history, and a second login with a key that is connected is refused.
    const c = new AgentchatClient(own, "carol");
    await c.connect();
    const replayed = c.heard("MSG");
    await c.join("#general");
    expect(await replayed).toMatchObject({ content: "hello all", replay: true });
    const twin = new AgentchatClient(own, "alice", aKey);
    await expect(twin.connect()).rejects.toMatchObject({ code: "INVALID_MSG" });
    for (const client of [a, b, c, twin]) client.disconnect();
  });
});
