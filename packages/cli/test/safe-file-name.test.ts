import { describe, expect, it } from "vitest";

import { safeFileName } from "../src/safe-file-name.ts";

describe("a file name from a stranger", () => {
  it.each([
    ["report.pdf", "report.pdf"],
    ["Jahresbericht für 2026.pdf", "Jahresbericht für 2026.pdf"],
    ["../../etc/passwd", "passwd"],
    ["..\\..\\boot.ini", "boot.ini"],
    ["/", "attachment"],
    ["", "attachment"],
    ["..", "_"],
    [".ssh", "_ssh"],
    ["-rf", "_rf"],
    ["a\u0000b\nc\u001b[2J", "a_b_c_[2J"],
    ["gpj.\u202Eexe", "gpj._exe"],
    ['a<b>c:d|e?f*g"h', "a_b_c_d_e_f_g_h"],
    ["dots. . .", "dots"],
    ["con", "_con"],
    ["NUL.txt", "_NUL.txt"],
    ["console.txt", "console.txt"],
    ["lone\ud800half", "lone_half"],
  ])("%j becomes %j", (name, safe) => {
    expect(safeFileName(name)).toBe(safe);
  });

  it("is short enough for every file system and keeps its ending", () => {
    for (const [count, length] of [
      [195, 199],
      [196, 200],
      [197, 200],
    ] as const) {
      const name = safeFileName(`${"x".repeat(count)}.pdf`);
      expect([name.length, name.endsWith(".pdf")]).toEqual([length, true]);
    }
    const wide = safeFileName(`${"\u{1F600}".repeat(255)}.tar`);
    expect(Buffer.byteLength(wide)).toBeLessThanOrEqual(200);
    expect(wide.endsWith("\u{1F600}.tar")).toBe(true);
  });
});
