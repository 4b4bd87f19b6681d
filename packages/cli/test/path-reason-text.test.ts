import { pathReasons } from "@parley/client";
import { expect, it } from "vitest";

import { pathReasonText } from "../src/path-reason-text.ts";

it.each(pathReasons)("has words for %s", (reason) => {
  for (const path of ["direct", "turn", "relay", "mailbox"] as const) {
    const text = pathReasonText(reason, path);
    expect(text).toMatch(/^[a-z].*[^.]$/);
    expect(text).not.toContain("undefined");
  }
});

it("tells the reasons of one path apart", () => {
  const texts = pathReasons.map((reason) => pathReasonText(reason));
  expect(new Set(texts).size).toBe(pathReasons.length);
});

it("does not give an open link as the reason for a way around it", () => {
  expect(pathReasonText("direct-link", "relay")).toBe("the link opened only after it had left");
  expect(pathReasonText("turn-by-policy", "mailbox")).toBe("the link opened only after it had left");
});

it("shows a code of a newer version as it is", () => {
  expect(pathReasonText("by-pigeon", "relay")).toBe("by-pigeon");
});
