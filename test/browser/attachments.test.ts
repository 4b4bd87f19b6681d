import { blobSource, MemorySink } from "@parley/client";
import { blobContentBytes } from "@parley/protocol";
import { afterAll, beforeAll, expect, it } from "vitest";

import { type Joined, Messages } from "../integration/device-fixture.ts";
import { BrowserMesh } from "./browser-mesh.ts";
import type { PageDevice } from "./page-device.ts";

let mesh: BrowserMesh;
let node: Joined;
let page: PageDevice;

beforeAll(async () => {
  mesh = await BrowserMesh.start();
  node = await mesh.joinNode("ada");
  page = await mesh.joinPage("tab");
});

afterAll(() => mesh[Symbol.asyncDispose]());

it("uploads in a page of another origin what a device in Node downloads", async () => {
  const bytes = 2 * blobContentBytes + 1000;
  const inNode = new Messages(node.device);
  expect(await page.ask("sendFile", "@ada", "from the page", "page.txt", bytes)).toBe("delivered");
  const [message] = await inNode.count(1);
  const [ref] = message?.attachments ?? [];
  expect(ref).toMatchObject({ name: "page.txt", type: "text/plain", size: bytes });
  if (ref === undefined) throw new Error("nothing is attached");
  const sink = new MemorySink();
  await node.device.fetchAttachment(ref, sink);
  expect(sink.bytes.every((byte, place) => byte === place % 251)).toBe(true);
});

it("downloads in a page what a device in Node uploaded", async () => {
  const ref = await node.device.attach(blobSource(new Blob(["from Node"])), { name: "node.txt" });
  await (
    await node.device.send("@tab", "read it", { attachments: [ref] })
  ).settled;
  await page.ask("messages", 1);
  expect(await page.ask("fetchTexts")).toEqual(["from Node"]);
  // Chromium itself reports each part that the registry does not have yet.
  expect(mesh.complaints.filter((text) => !text.includes("status of 404"))).toEqual([]);
});
