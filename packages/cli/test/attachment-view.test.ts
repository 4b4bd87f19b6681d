import type { BlobRef } from "@parley/protocol";
import { expect, it } from "vitest";

import { attachmentLine, attachmentView, formatBytes, showProgress } from "../src/attachment-view.ts";
import { mediaTypeOf } from "../src/media-type.ts";
import { Presenter } from "../src/presenter.ts";

const ref: BlobRef = {
  name: "plan\n\u001b[31m.md",
  type: "text/markdown",
  size: 1536,
  sha256: `abcdefgh${"A".repeat(35)}`,
  key: `topsecret${"A".repeat(34)}`,
  expires: 7,
  parts: [{ hash: "ab".repeat(32), bytes: 1552 }],
};

it("shows an attachment without what would open it, and without what would steer the terminal", () => {
  expect(attachmentView(ref)).toEqual({ id: "abcdefgh", name: ref.name, type: ref.type, size: 1536, expires: 7 });
  expect(attachmentLine(ref)).toBe("plan \\u{1b}[31m.md  1.5 KiB  text/markdown  id abcdefgh");
});

it.each([
  [0, "0 bytes"],
  [1023, "1023 bytes"],
  [1024, "1.0 KiB"],
  [1_048_576, "1.0 MiB"],
  [1_073_741_824, "1.0 GiB"],
  [2 ** 43, "8192.0 GiB"],
])("says %i bytes as %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

it("shows progress on a terminal only", () => {
  const sink = (isTTY: boolean) => ({
    isTTY,
    columns: 80,
    text: "",
    write(part: string) {
      this.text += part;
    },
  });
  const [terminal, pipe] = [sink(true), sink(false)];
  for (const err of [terminal, pipe]) {
    const out = new Presenter({ json: false, out: err, err, environment: {} });
    showProgress(out, "sending", "a.txt")({ step: "transfer", done: 1, total: 4 });
    showProgress(out, "sending", "a.txt")({ step: "check", done: 0, total: 0 });
  }
  expect(terminal.text).toContain("sending a.txt: 25 % of 4 bytes");
  expect(terminal.text).toContain("checking a.txt: 100 % of 0 bytes");
  expect(pipe.text).toBe("");
});

it("knows common media types by the ending of a file", () => {
  expect(["a.PDF", "b.tar.gz", "c", ".md", "d.unknown"].map(mediaTypeOf)).toEqual([
    "application/pdf",
    "application/gzip",
    "application/octet-stream",
    "application/octet-stream",
    "application/octet-stream",
  ]);
});
