import { beforeAll, describe, expect, it } from "vitest";

import { SuitePages } from "./suite-pages.ts";

const suiteLimitMs = 300_000;

describe("an archive in Chromium", () => {
  let pages: SuitePages;

  beforeAll(async () => {
    pages = await SuitePages.start("archive-page", "archives");
    return () => pages[Symbol.asyncDispose]();
  });

  it(
    "complies with the port",
    async () => {
      const page = await pages.open();
      const { passed, failed } = await page.evaluate(() => globalThis.window.archives.comply());
      expect(failed).toEqual([]);
      expect(passed).toContain("has everything when opened again, also what waits");
      await page.close();
    },
    suiteLimitMs,
  );
});
