import { sha256 } from "@parley/core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { DeviceLists, type TestDevice } from "../../packages/mls/test/devices.ts";
import { launchChromium } from "./chromium.ts";
import { bundlePage } from "./page-bundle.ts";
import { PageServer } from "./page-server.ts";

const pageName = "mls-page";

const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));

describe("an encrypted channel in Chromium", () => {
  let browser: Browser;
  let server: PageServer;
  let page: Page;
  let inNode: TestDevice;

  beforeAll(async () => {
    const { code } = await bundlePage(pageName);
    server = await PageServer.start({ [pageName]: code });
    browser = await launchChromium();
    page = await browser.newPage();
    await page.goto(`${server.origin}/${pageName}`);
    await page.waitForFunction(() => "groups" in globalThis);
    const lists = new DeviceLists(await sha256("mesh"));
    inNode = await lists.device("in Node");
    const own = lists.listed;
    const others = await page.evaluate((mesh) => globalThis.window.groups.start(mesh, 2), lists.mesh);
    for (const { device, key } of others) lists.list(device, key);
    await page.evaluate((all) => all.forEach((each) => globalThis.window.groups.list(each)), own);
  });

  afterAll(async () => {
    await browser.close();
    await server[Symbol.asyncDispose]();
  });

  it("is the same to two devices in a page and to one in Node, that came by welcome and by external commit", async () => {
    const group = await inNode.groups.createGroup(await sha256("channel"));
    const keyPackage = await page.evaluate(() => globalThis.window.groups.makeKeyPackage(0));
    const made = await inNode.groups.commit(group, { add: [fromHex(keyPackage)] });
    inNode.state = made.state;
    const welcome = toHex(made.welcome ?? new Uint8Array());
    await page.evaluate((bytes) => globalThis.window.groups.joinByWelcome(0, bytes), welcome);
    const commit = await page.evaluate((info) => globalThis.window.groups.joinByCommit(1, info), toHex(made.groupInfo));
    await page.evaluate((bytes) => globalThis.window.groups.process(0, bytes), commit);
    await inNode.process(fromHex(commit));

    const [, first, second] = inNode.state.devices;
    const open = (index: number, message: string) =>
      page.evaluate(([at, bytes]) => globalThis.window.groups.open(at, bytes), [index, message] as const);
    const fromNode = toHex(await inNode.seal("from Node"));
    expect(await open(0, fromNode)).toEqual({ text: "from Node", from: inNode.id.device });
    expect(await open(1, fromNode)).toEqual({ text: "from Node", from: inNode.id.device });
    const fromPage = await page.evaluate(() => globalThis.window.groups.seal(1, "from the page"));
    expect(await inNode.open(fromHex(fromPage))).toEqual({ text: "from the page", from: second });
    expect(await open(0, fromPage)).toEqual({ text: "from the page", from: second?.device });

    const renewed = await inNode.groups.commit(inNode.state, { remove: [first ?? inNode.id] });
    await page.evaluate((bytes) => globalThis.window.groups.process(1, bytes), toHex(renewed.commit));
    inNode.state = renewed.state;
    const after = toHex(await inNode.seal("only for two"));
    expect(await open(1, after)).toEqual({ text: "only for two", from: inNode.id.device });
    await expect(open(0, after)).rejects.toThrow("later epoch");
  });
});
