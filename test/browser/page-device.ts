import { ParleyError } from "@parley/protocol";
import type { Browser, BrowserContext } from "playwright-core";

import type { PageAnswer, PageApi } from "./page/page-api.ts";

type Page = Awaited<ReturnType<Browser["newPage"]>>;

/** The device in a page of its own, as a test in Node asks it. */
export class PageDevice implements AsyncDisposable {
  /** What the page did not catch, and what its console calls errors. */
  readonly complaints: string[] = [];
  readonly #context: BrowserContext;
  readonly #page: Page;

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context;
    this.#page = page;
    page.on("pageerror", (error) => this.complaints.push(error.stack ?? error.message));
    page.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(message.text());
    });
  }

  /** Opens an address that holds `device-page`. Nothing is shared with other pages. */
  static async load(browser: Browser, url: string): Promise<PageDevice> {
    return PageDevice.#loadIn(await browser.newContext(), url);
  }

  /** Freezes the page as a browser does with one in the background, or lets it go on. */
  async setFrozen(frozen: boolean): Promise<void> {
    const session = await this.#context.newCDPSession(this.#page);
    await session.send("Page.setWebLifecycleState", { state: frozen ? "frozen" : "active" });
    await session.detach();
  }

  /** Ends the page as a crash would, without a word to its device. Returns the next page of the same browser profile. */
  async killAndLoad(): Promise<PageDevice> {
    const url = this.#page.url();
    await this.#page.close({ runBeforeUnload: false });
    return PageDevice.#loadIn(this.#context, url);
  }

  static async #loadIn(context: BrowserContext, url: string): Promise<PageDevice> {
    const page = await context.newPage();
    const device = new PageDevice(context, page);
    await page.goto(url);
    await page.waitForFunction(() => "askPage" in globalThis);
    return device;
  }

  /** Calls the page's device. Throws its coded errors. */
  async ask<Method extends keyof PageApi>(
    method: Method,
    ...args: Parameters<PageApi[Method]>
  ): Promise<Awaited<ReturnType<PageApi[Method]>>> {
    const answer = await this.#page.evaluate(
      async ([name, list]): Promise<PageAnswer<unknown>> => globalThis.window.askPage(name, list),
      [method, args] as const,
    );
    if (!answer.ok) throw new ParleyError(answer.code, { message: answer.message });
    return answer.value as Awaited<ReturnType<PageApi[Method]>>;
  }

  /** Whether the page's origin is one that browsers trust with keys. */
  isSecure(): Promise<boolean> {
    return this.#page.evaluate(() => globalThis.isSecureContext);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close();
  }
}
