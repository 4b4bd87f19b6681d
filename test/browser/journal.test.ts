import type { Page } from "playwright-core";
import { beforeAll, describe, expect, it } from "vitest";

import { SuitePages } from "./suite-pages.ts";

const suiteLimitMs = 300_000;

describe("a journal in Chromium", () => {
  let pages: SuitePages;

  beforeAll(async () => {
    pages = await SuitePages.start("journal-page", "journals");
    return () => pages[Symbol.asyncDispose]();
  });

  it(
    "complies with the port",
    async () => {
      const page = await pages.open();
      const { passed, failed } = await page.evaluate(() => globalThis.window.journals.comply());
      expect(failed).toEqual([]);
      expect(passed).toContain("has everything when opened again and flags what was pending");
      await page.close();
    },
    suiteLimitMs,
  );

  it("is held by one page at a time, and by the next once the first is gone", async () => {
    const context = await pages.profile();
    const [first, second] = [await pages.open(context), await pages.open(context)];
    const hold = (page: Page): Promise<string> => page.evaluate(() => globalThis.window.journals.hold("device"));
    expect(await hold(first)).toBe("held");
    expect(await hold(first)).toBe("device_in_use");
    expect(await hold(second)).toBe("device_in_use");
    await first.close();
    // The browser gives a closed page's locks back by and by.
    await expect.poll(() => hold(second), { timeout: 10_000 }).toBe("held");
    await context.close();
  });

  it("has everything that it accepted before its page was killed", async () => {
    const context = await pages.profile();
    const page = await pages.open(context);
    const accepted: number[] = [];
    const enough = Promise.withResolvers<void>();
    await page.exposeFunction("tellAccepted", (seq: number) => {
      accepted.push(seq);
      if (accepted.length === 50) enough.resolve();
    });
    await page.evaluate(() => globalThis.window.journals.hold("device"));
    const filling = page.evaluate(() => globalThis.window.journals.fill()).catch(() => undefined);
    await enough.promise;
    await page.close({ runBeforeUnload: false });
    await filling;
    const next = await pages.open(context);
    const hold = (): Promise<string> => next.evaluate(() => globalThis.window.journals.hold("device"));
    await expect.poll(hold, { timeout: 10_000 }).toBe("held");
    const kept = await next.evaluate(() => globalThis.window.journals.outbox());
    expect(accepted.filter((seq) => !kept.includes(seq))).toEqual([]);
    expect(kept).toEqual(kept.map((_, index) => index + 1));
    await context.close();
  });
});
