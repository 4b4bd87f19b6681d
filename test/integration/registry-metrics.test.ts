import { describe, expect, it } from "vitest";

import { startRegistry } from "./registry-fixture.ts";

async function countsOf(origin: string): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`${origin}/metrics`);
  expect(response.headers.get("content-type")).toContain("text/plain");
  const lines = (await response.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

describe("the metrics of a registry", () => {
  it("count frames by result, deliveries, sessions and changes of inboxes, posts and followers, and name nobody", async () => {
    await using registry = await startRegistry();
    const mesh = await registry.claim();
    const [bob, carol] = [await mesh.join("bob"), await mesh.join("carol")];
    const dan = await mesh.admit("dan");
    bob.sendFrame(carol.identity, new Uint8Array([1]));
    bob.sendFrame(carol.identity, new Uint8Array([2]), { store: true });
    bob.sendFrame(dan, new Uint8Array([3]), { store: true });
    bob.sendFrame(dan, new Uint8Array([4]));
    for (let count = 0; count < 4; count++) await bob.nextResult();
    for (let count = 0; count < 2; count++) await carol.nextDelivery();
    const { channel } = (await bob.request("channel.join", { name: "general" })).channel;
    await bob.request("channel.follow", { channels: [{ channel, after: 0 }] });
    await bob.post(channel);
    await bob.nextBatch();
    await carol.post(channel);
    const counts = await countsOf(registry.origin);
    expect(Object.fromEntries(counts)).toEqual({
      'parley_frames_total{result="relayed",code=""}': 1,
      'parley_frames_total{result="stored",code=""}': 2,
      'parley_frames_total{result="refused",code="not_connected"}': 1,
      parley_mailbox_deliveries_total: 1,
      parley_sessions_opened_total: 3,
      parley_inbox_changes_total: 2,
      parley_slow_readers_total: 0,
      parley_dead_letters_total: 0,
      'parley_posts_total{result="stored",code=""}': 1,
      'parley_posts_total{result="again",code=""}': 0,
      'parley_posts_total{result="refused",code="not_in_channel"}': 1,
      parley_post_deliveries_total: 1,
      'parley_post_batches_total{from="log"}': 1,
      'parley_post_batches_total{from="memory"}': 0,
      parley_followers_behind_total: 0,
      parley_channels: 2,
      parley_followers: 1,
      parley_http_calls: 0,
      parley_sessions: 3,
      parley_members: 4,
      parley_mailbox_frames: 2,
      parley_mailbox_bytes: 562,
    });
    // Asked again, nothing counts twice.
    expect(await countsOf(registry.origin)).toEqual(counts);
  });

  it.each([
    ["by a proxy", { publicOrigin: "https://mesh.example.org" }, 404],
    ["by a proxy, when the setting says so", { publicOrigin: "https://mesh.example.org", metrics: true }, 200],
    ["by other machines", { host: "0.0.0.0" }, 404],
    ["on loopback, unless the setting says no", { metrics: false }, 404],
  ])("are served where the registry is reached %s, or not", async (_where, options, status) => {
    await using registry = await startRegistry(options);
    const response = await fetch(`http://127.0.0.1:${registry.port}/metrics`);
    expect(response.status).toBe(status);
  });
});
