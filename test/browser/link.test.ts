import type { LinkSignal } from "@parley/core";
import { NodeLinkFactory } from "@parley/peer/node";
import { beforeAll, describe, expect, it } from "vitest";

import { LinkSide, maxMessageBytes } from "./page/link-side.ts";
import { SuitePages } from "./suite-pages.ts";

const sizes = [1, 2, 1199, 1200, 65_536, maxMessageBytes - 1, maxMessageBytes, 1];
const facts = sizes.map((size, index) => [size, index, index]);
/** 16 MiB. */
const floodCount = 256;
const suiteLimitMs = 180_000;

type SideMethod = Exclude<keyof LinkSide, "signal">;

describe("links in Chromium", () => {
  let pages: SuitePages;

  beforeAll(async () => {
    pages = await SuitePages.start("link-page", "links");
    return () => pages[Symbol.asyncDispose]();
  });

  it(
    "comply with the port",
    async () => {
      const page = await pages.open();
      const { passed, failed } = await page.evaluate(() => globalThis.window.links.comply());
      expect(failed).toEqual([]);
      expect(passed).toContain("binds to the same two certificates on both sides, new ones for each link");
      await page.close();
    },
    suiteLimitMs,
  );

  it.for(["page", "Node"] as const)("carry everything to and from Node when the %s offers", async (offers) => {
    const page = await pages.open();
    const ask = async <Method extends SideMethod>(
      method: Method,
      ...args: Parameters<LinkSide[Method]>
    ): Promise<Awaited<ReturnType<LinkSide[Method]>>> => {
      const answer: unknown = await page.evaluate(
        ([name, list]) => {
          const { side } = globalThis.window.links;
          const call = side?.[name] as (...items: readonly unknown[]) => unknown;
          return call.apply(side, [...list]);
        },
        [method, args] as const,
      );
      return answer as Awaited<ReturnType<LinkSide[Method]>>;
    };
    const factory = new NodeLinkFactory();
    const toPage = (signal: LinkSignal): void => {
      void page.evaluate((carried) => globalThis.window.links.side?.signal(carried), signal);
    };
    const node = new LinkSide(factory, toPage);
    await page.exposeFunction("signalNode", (signal: LinkSignal) => node.signal(signal));
    await page.evaluate(() => globalThis.window.links.begin());
    if (offers === "page") await ask("offer");
    else node.offer();

    const [here, there] = await Promise.all([node.opened(), ask("opened")]);
    expect(here.binding).toEqual(there.binding.toReversed());
    expect([here.route?.path, there.route?.path]).toEqual(["direct", "direct"]);
    node.send(sizes);
    await ask("send", sizes);
    expect(await node.received(sizes.length)).toEqual(facts);
    expect(await ask("received", sizes.length)).toEqual(facts);
    const pauses = await Promise.all([node.flood(floodCount), ask("flood", floodCount)]);
    for (const count of pauses) expect(count).toBeGreaterThan(0);
    expect(await node.flooded(sizes.length, floodCount)).toBe(true);
    expect(await ask("flooded", sizes.length, floodCount)).toBe(true);
    if (offers === "page") await ask("close");
    else node.close();
    const ends = [await node.closed(), await ask("closed")];
    expect(ends).toEqual(offers === "page" ? [["remote-closed"], ["closed"]] : [["closed"], ["remote-closed"]]);
    await factory.close();
    await page.close();
  });
});
