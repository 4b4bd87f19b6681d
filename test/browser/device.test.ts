import { toParleyError } from "@parley/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type Joined, Messages } from "../integration/device-fixture.ts";
import { BrowserMesh } from "./browser-mesh.ts";
import { serveCount } from "./node-agent.ts";
import type { PageDevice } from "./page-device.ts";

const countToFive = { to: "@counter", skill: "count", input: 5 };
const steps = ["step 1", "step 2", "step 3", "step 4", "step 5"];

describe("a device in Chromium", () => {
  let mesh: BrowserMesh;
  let counter: Joined;
  let page: PageDevice;

  beforeAll(async () => {
    mesh = await BrowserMesh.start();
    counter = await mesh.joinNode("counter");
    await serveCount(counter.device);
    page = await mesh.page();
  });

  afterAll(() => mesh[Symbol.asyncDispose]());

  it("is a bundle that needs no module of Node and no native one", () => {
    expect(mesh.bundle.external).toEqual([]);
    expect(mesh.bundle.inputs.filter((path) => /^node:|node-datachannel|node-link|\/src\/node\//.test(path))).toEqual(
      [],
    );
    expect(mesh.bundle.inputs).toContain("packages/peer/src/browser-link.ts");
  });

  it("pairs by an invite link, shows the operator's words and is approved", async () => {
    expect(await page.isSecure()).toBe(true);
    const words = await page.ask("pair", await mesh.invite(), "tab");
    const opened = page.ask("open");
    expect(await mesh.approve("tab")).toBe(words);
    const member = await opened;
    const view = await counter.device.memberOf("@tab");
    expect(view).toMatchObject({ member, live: true, kind: "agent", roles: ["member"] });
  });

  it("keeps its private keys inside the browser", async () => {
    // Root, device and encryption key.
    expect(await page.ask("leakKeys")).toEqual({ held: 3, leaked: 0 });
  });

  it("delegates to an agent in Node over a direct link, and streams its progress", async () => {
    const outcome = await page.ask("delegate", { ...countToFive, paths: ["direct"] });
    expect(outcome).toMatchObject({ from: "counter", path: "direct", notes: steps });
    expect(outcome.output).toEqual({ sum: 15, path: "direct", from: "tab" });
    expect(new Set(outcome.paths)).toEqual(new Set(["direct"]));
    const [link] = await page.ask("links");
    expect(link).toMatchObject({ name: "counter", state: "open", path: "direct" });
    expect(link?.route?.local).toMatch(/^\w+ udp /);
  });

  it("delegates by relay when links are forbidden", async () => {
    const outcome = await page.ask("delegate", { ...countToFive, paths: ["relay"] });
    expect(outcome).toMatchObject({ path: "relay", notes: steps });
    expect(outcome.output).toEqual({ sum: 15, path: "relay", from: "tab" });
    expect(new Set(outcome.paths)).toEqual(new Set(["relay"]));
  });

  it("finds an agent by skill alone", async () => {
    const { to: _, ...anyone } = countToFive;
    expect(await page.ask("delegate", anyone)).toMatchObject({ from: "counter", output: { sum: 15 } });
  });

  it("sends and receives messages", async () => {
    const inNode = new Messages(counter.device);
    expect(await page.ask("send", "@counter", "from the page")).toEqual({ state: "delivered", path: "direct" });
    expect((await inNode.count(1))[0]).toMatchObject({ text: "from the page", from: { name: "tab" }, path: "direct" });
    const sent = await counter.device.send("@tab", "from Node");
    expect(await sent.settled).toMatchObject({ state: "delivered", path: "direct" });
    expect(await page.ask("messages", 1)).toEqual([{ from: "counter", text: "from Node", path: "direct" }]);
  });

  it("pings both ways by link and by relay", async () => {
    for (const path of ["direct", "relay"] as const) {
      expect((await page.ask("ping", "@counter", [path])).path).toBe(path);
      expect((await counter.device.ping("@tab", { paths: [path] })).path).toBe(path);
    }
  });

  it("serves a skill to a member in Node, over a link and by relay", async () => {
    await page.ask("serve");
    for (const path of ["direct", "relay"] as const) {
      const run = await counter.device.delegate("@tab", { skill: "reverse", input: "one two three", paths: [path] });
      const notes: unknown[] = [];
      for await (const { response } of run.events) {
        for (const part of response.statusUpdate?.status.message?.parts ?? []) notes.push(part.text);
      }
      expect(notes).toEqual(["one", "two", "three"]);
      expect(await run.outcome).toMatchObject({ output: "three two one", path });
    }
  });

  it("links to another page", async () => {
    const other = await mesh.joinPage("other-tab");
    const outcome = await other.ask("delegate", {
      to: "@tab",
      skill: "reverse",
      input: "page to page one",
      paths: ["direct"],
    });
    expect(outcome).toMatchObject({ from: "tab", output: "one page to page", path: "direct" });
    await other.ask("stop");
  });

  it("keeps its links while the registry restarts, and its session comes back", async () => {
    const before = await page.ask("mark");
    const counterBefore = counter.events.seen.length;
    await mesh.scope.mesh.stopRegistry();
    await page.ask("session", "waiting", before);
    const alone = await page.ask("delegate", { ...countToFive, paths: ["direct"] });
    expect(alone).toMatchObject({ path: "direct", output: { sum: 15 } });
    await mesh.scope.mesh.startRegistry();
    await Promise.all([page.ask("session", "connected", before), counter.events.session("connected", counterBefore)]);
    expect(await page.ask("delegate", { ...countToFive, paths: ["relay"] })).toMatchObject({ path: "relay" });
  });

  it("refused nobody and left no error to the browser", async () => {
    expect(await page.ask("refusals")).toEqual([]);
    // Chromium itself reports every connection that fails while the registry is away.
    expect(mesh.complaints.filter((text) => !text.startsWith("WebSocket connection to"))).toEqual([]);
  });
});

describe("a page whose addresses are not hidden", () => {
  it("delegates over a direct link, too", async () => {
    await using mesh = await BrowserMesh.start({ hideAddresses: false });
    const counter = await mesh.joinNode("counter");
    await serveCount(counter.device);
    const page = await mesh.joinPage("tab");
    const outcome = await page.ask("delegate", { ...countToFive, paths: ["direct"] });
    expect(outcome).toMatchObject({ path: "direct", output: { sum: 15 } });
    expect(mesh.complaints).toEqual([]);
  });
});

describe("a page that is killed", () => {
  it("leaves what it accepted to the next page, which sends it once and as the same member", async () => {
    await using mesh = await BrowserMesh.start();
    // Without links, so that nothing leaves while the registry is away.
    const reader = await mesh.scope.join("reader", { links: false });
    const messages = new Messages(reader.device);
    const page = await mesh.joinPage("tab");
    expect(await page.ask("send", "@reader", "before")).toMatchObject({ state: "delivered" });
    const { member } = await reader.device.memberOf("@tab");
    const before = await page.ask("mark");
    await mesh.scope.mesh.stopRegistry();
    await page.ask("session", "waiting", before);
    const ids = [await page.ask("accept", "@reader", "one"), await page.ask("accept", "@reader", "two")];
    const next = await page.killAndLoad();
    await mesh.scope.mesh.startRegistry();
    // The browser gives the lock of a page that is gone back by and by.
    const opening = (): Promise<string> => next.ask("openAgain").catch((error: unknown) => toParleyError(error).code);
    await expect.poll(opening, { timeout: 20_000 }).toBe(member);
    const [first, ...rest] = await messages.count(3);
    expect(rest.map(({ id, text }) => ({ id, text }))).toEqual([
      { id: ids[0], text: "one" },
      { id: ids[1], text: "two" },
    ]);
    expect(new Set(rest.map(({ from }) => from.device))).toEqual(new Set([first?.from.device]));
    expect(await next.ask("send", "@reader", "after")).toMatchObject({ state: "delivered" });
    expect(messages.texts).toEqual(["before", "one", "two", "after"]);
    await next.ask("stop");
  });
});

describe("a page of an origin that the registry was not told of", () => {
  it("is kept out", async () => {
    await using mesh = await BrowserMesh.start({ allowPage: false });
    const page = await mesh.page();
    await expect(page.ask("pair", await mesh.invite(), "stranger")).rejects.toMatchObject({ code: "unreachable" });
  });
});
