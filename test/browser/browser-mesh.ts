import { Operator } from "@parley/client";
import type { RegistryBounds } from "@parley/registry";
import type { Browser } from "playwright-core";

import { type Joined, MeshScope } from "../integration/device-fixture.ts";
import { type ChromiumOptions, launchChromium } from "./chromium.ts";
import { bundlePage, type PageBundle } from "./page-bundle.ts";
import { PageDevice } from "./page-device.ts";
import { PageServer } from "./page-server.ts";

const pageName = "device-page";

export interface BrowserMeshOptions extends ChromiumOptions {
  /** Whether the registry takes requests of the page's origin. Default true. */
  readonly allowPage?: boolean;
  /** Bounds of the registry that differ from its own. */
  readonly bounds?: Partial<RegistryBounds>;
}

/** A mesh on real sockets that lets pages in: registry and Node members in this process, Chromium beside it. */
export class BrowserMesh implements AsyncDisposable {
  readonly bundle: PageBundle;
  readonly scope: MeshScope;
  readonly origin: string;
  readonly #browser: Browser;
  readonly #server: PageServer;
  readonly #pages: PageDevice[] = [];

  private constructor(bundle: PageBundle, scope: MeshScope, browser: Browser, server: PageServer) {
    this.bundle = bundle;
    this.scope = scope;
    this.origin = server.origin;
    this.#browser = browser;
    this.#server = server;
  }

  static async start(options: BrowserMeshOptions = {}): Promise<BrowserMesh> {
    const bundle = await bundlePage(pageName);
    const server = await PageServer.start({ [pageName]: bundle.code });
    const [scope, browser] = await Promise.all([
      MeshScope.start({
        registry: {
          allowedOrigins: options.allowPage === false ? [] : [server.origin],
          bounds: options.bounds ?? {},
        },
      }),
      launchChromium(options),
    ]);
    return new BrowserMesh(bundle, scope, browser, server);
  }

  joinNode(name: string): Promise<Joined> {
    return this.scope.join(name);
  }

  /** A page that is not a member yet. */
  async page(): Promise<PageDevice> {
    const page = await PageDevice.load(this.#browser, `${this.origin}/${pageName}`);
    this.#pages.push(page);
    return page;
  }

  /** A page that paired by link, was approved and is connected. */
  async joinPage(name: string): Promise<PageDevice> {
    const page = await this.page();
    await page.ask("pair", await this.invite(), name);
    await this.approve(name);
    await page.ask("open");
    return page;
  }

  async invite(): Promise<string> {
    const { text } = await this.#operator().createInvite({ kind: "link" });
    return text;
  }

  /** Lets a member in. Returns the words that the operator saw. */
  async approve(name: string): Promise<string> {
    const operator = this.#operator();
    const waiting = await operator.pendingOf(name);
    await operator.approve(waiting);
    return waiting.words;
  }

  /** Process ids of the browser: all of them, or those that run pages. */
  async processes(which: "all" | "pages"): Promise<readonly number[]> {
    const session = await this.#browser.newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    await session.detach();
    return processInfo.filter(({ type }) => which === "all" || type === "renderer").map(({ id }) => id);
  }

  /** What went wrong in any page without anyone asking. */
  get complaints(): readonly string[] {
    return this.#pages.flatMap(({ complaints }) => complaints);
  }

  #operator(): Operator {
    const { device, identity, joined } = this.scope.mesh.operator;
    return new Operator({ device, root: identity.root, trust: () => joined.trust, registry: this.scope.mesh.origin });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
    await this.scope[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
  }
}
