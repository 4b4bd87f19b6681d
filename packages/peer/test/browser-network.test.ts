import { afterEach, describe, expect, it, vi } from "vitest";

import { BrowserLinkFactory } from "../src/browser-link.ts";

afterEach(() => vi.unstubAllGlobals());

describe("a factory of links in the browser", () => {
  it("tells when the page is back on a network, and when that is another one", () => {
    const [page, connection] = [new EventTarget(), new EventTarget()];
    vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
    vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
    vi.stubGlobal("navigator", { connection });
    let told = 0;
    const off = new BrowserLinkFactory().watchNetwork(() => told++);
    page.dispatchEvent(new Event("online"));
    connection.dispatchEvent(new Event("change"));
    expect(told).toBe(2);
    off();
    page.dispatchEvent(new Event("online"));
    connection.dispatchEvent(new Event("change"));
    expect(told).toBe(2);
  });

  it("has nothing to tell where there is no page", () => {
    expect(() => new BrowserLinkFactory().watchNetwork(() => undefined)()).not.toThrow();
  });
});
