/** Links in a page: the compliance suite of the Link port between two of them, and one side of a link to Node. */
import type { LinkSignal } from "@parley/core";
import { BrowserLinkFactory } from "@parley/peer/browser";

import { describeLink } from "../../../packages/testkit/src/compliance/link.ts";
import { LinkSide } from "./link-side.ts";
import { runTests, type SuiteResult } from "./suite-runner.ts";

declare global {
  interface Window {
    readonly links: {
      readonly comply: () => Promise<SuiteResult>;
      /** Makes this page's side of a link, whose signals go to `signalNode`. */
      readonly begin: () => void;
      side: LinkSide | undefined;
    };
    /** Of the test. */
    readonly signalNode: (signal: LinkSignal) => Promise<void>;
  }
}

describeLink("BrowserLinkFactory", () => {
  const reported: unknown[] = [];
  const reportError = (error: unknown): void => void reported.push(error);
  return { left: new BrowserLinkFactory({ reportError }), right: new BrowserLinkFactory({ reportError }), reported };
});

const links: Window["links"] = {
  comply: runTests,
  begin() {
    links.side = new LinkSide(new BrowserLinkFactory(), (signal) => void window.signalNode(signal));
  },
  side: undefined,
};
Object.defineProperty(globalThis, "links", { value: links });
