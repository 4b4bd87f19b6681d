import type { Browser, BrowserContext, Page } from "playwright-core";

import { launchChromium } from "./chromium.ts";
import { bundlePage } from "./page-bundle.ts";
import { PageServer } from "./page-server.ts";

/** Chromium with pages of one entry, in which a compliance suite can run. */
export class SuitePages implements AsyncDisposable {
  readonly #name: string;
  readonly #ready: string;
  readonly #browser: Browser;
  readonly #server: PageServer;

  private constructor(name: string, ready: string, browser: Browser, server: PageServer) {
    this.#name = name;
    this.#ready = ready;
    this.#browser = browser;
    this.#server = server;
  }

  /** `ready` is the global that the entry sets when it can be asked. */
  static async start(name: string, ready: string): Promise<SuitePages> {
    const { code } = await bundlePage(name, { vitest: "./test/browser/page/suite-runner.ts" });
    const server = await PageServer.start({ [name]: code });
    return new SuitePages(name, ready, await launchChromium(), server);
  }

  /** A browser profile, for pages that share what they keep. */
  profile(): Promise<BrowserContext> {
    return this.#browser.newContext();
  }

  /** A page in this profile, or in one of its own, which goes with it. */
  async open(profile?: BrowserContext): Promise<Page> {
    const page = await (profile ?? this.#browser).newPage();
    await page.goto(`${this.#server.origin}/${this.#name}`);
    await page.waitForFunction((ready) => ready in globalThis, this.#ready);
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    await this.#server[Symbol.asyncDispose]();
  }
}
