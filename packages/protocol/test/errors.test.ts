import {
  afterClose,
  type ErrorCode,
  errorCodeOfClose,
  errorTable,
  isErrorCode,
  isParleyError,
  ParleyError,
  toParleyError,
} from "@parley/protocol";
import { describe, expect, it } from "vitest";

const rows = Object.entries(errorTable) as [ErrorCode, (typeof errorTable)[ErrorCode]][];

describe("the table of errors", () => {
  it("is the one in errors.pinned.txt: a code, once published, keeps its numbers", async () => {
    const lines = rows.map(
      ([code, row]) => `${code} status=${row.status} close=${row.close} exit=${row.exit} retryable=${row.retryable}`,
    );
    await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot("errors.pinned.txt");
  });

  it("gives each code a close code of its own", () => {
    expect(new Set(rows.map(([, row]) => row.close)).size).toBe(rows.length);
  });

  it.each(rows)("%s has numbers of the documented ranges", (_code, row) => {
    expect(row.close).toBeGreaterThanOrEqual(4100);
    expect(row.close).toBeLessThan(4500);
    expect(row.status).toBeGreaterThanOrEqual(400);
    expect(row.status).toBeLessThan(600);
  });

  it.each(rows)("%s says one sentence to a person", (_code, row) => {
    expect(row.says).toMatch(/^[A-Z'a-z].*\.$/);
    expect(row.says.length).toBeLessThanOrEqual(123);
  });

  it("calls retryable exactly what the close codes tell to come back for, but for a lack of credentials", () => {
    const wrong = rows.filter(([, row]) => {
      const after = afterClose(row.close);
      return after !== "renew" && row.retryable !== (after === "retry");
    });
    expect(wrong.map(([code]) => code)).toEqual([]);
  });

  it("finds a code by its close code, and none for a foreign one", () => {
    for (const [code, row] of rows) expect(errorCodeOfClose(row.close)).toBe(code);
    for (const close of [1000, 1006, 1009, 4099, 4400]) expect(errorCodeOfClose(close)).toBeUndefined();
  });

  it.each([
    [1000, "retry"],
    [1006, "retry"],
    [4199, "retry"],
    [4200, "renew"],
    [4299, "renew"],
    [4300, "stop"],
    [4499, "stop"],
    [4500, "retry"],
  ] as const)("after close %i a session does: %s", (close, after) => {
    expect(afterClose(close)).toBe(after);
  });
});

describe("an error", () => {
  it("says the table's sentence unless it knows better", () => {
    expect(new ParleyError("revoked").message).toBe(errorTable.revoked.says);
    expect(new ParleyError("revoked", { message: "x" })).toMatchObject({
      message: "x",
      code: "revoked",
      retryable: false,
    });
    expect(new ParleyError("timeout", { data: { ms: 1 } })).toMatchObject({ retryable: true, data: { ms: 1 } });
  });

  it("is known across copies of the package, and only a real one", () => {
    expect(isParleyError(new ParleyError("internal"))).toBe(true);
    for (const other of [undefined, null, 1, "internal", new Error("x"), { code: "internal" }])
      expect(isParleyError(other)).toBe(false);
  });

  it("wraps whatever was thrown and keeps its own", () => {
    const own = new ParleyError("timeout");
    expect(toParleyError(own)).toBe(own);
    const cause = new TypeError("x");
    expect(toParleyError(cause)).toMatchObject({ code: "internal", cause, message: errorTable.internal.says });
  });

  it("takes no inherited name for a code", () => {
    for (const name of ["toString", "__proto__", "constructor", ""]) expect(isErrorCode(name)).toBe(false);
  });
});
