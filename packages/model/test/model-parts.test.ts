import { FakeClock } from "@parley/testkit";
import { APICallError } from "ai";
import { describe, expect, it } from "vitest";

import { costOf } from "../src/model-cost.ts";
import { failureOf } from "../src/model-failure.ts";
import { TextProgress } from "../src/text-progress.ts";

const usage = (input: number, output: number, cached = 0) => ({
  inputTokens: input,
  inputTokenDetails: { noCacheTokens: input - cached, cacheReadTokens: cached, cacheWriteTokens: 0 },
  outputTokens: output,
  outputTokenDetails: { textTokens: output, reasoningTokens: 0 },
  totalTokens: input + output,
});

describe("what a call cost", () => {
  it("is tokens, and millionths of money where there are prices", () => {
    expect(costOf(usage(1000, 100), undefined)).toEqual({ tokens: 1100, money: 0 });
    expect(costOf(usage(1000, 100), { input: 3, output: 15 })).toEqual({ tokens: 1100, money: 4500 });
    expect(costOf(usage(1000, 100, 600), { input: 3, output: 15, cachedInput: 0.3 }).money).toBe(2880);
  });

  it("is rounded up, so that many small calls are not for nothing", () => {
    expect(costOf(usage(1, 0), { input: 0.01, output: 0 }).money).toBe(1);
  });

  it("is nothing where the provider says nothing", () => {
    const unknown = { ...usage(0, 0), inputTokens: undefined, outputTokens: undefined };
    expect(costOf(unknown, { input: 3, output: 15 })).toEqual({ tokens: 0, money: 0 });
  });
});

describe("a model's words as progress", () => {
  const start = () => {
    const told: string[] = [];
    const clock = new FakeClock();
    return { told, clock, progress: new TextProgress({ clock, tell: async (text) => void told.push(text) }) };
  };

  it("are put together until a moment has passed, or they are many", async () => {
    const { told, clock, progress } = start();
    await progress.add("one ");
    await progress.add("two ");
    expect(told).toEqual([]);
    clock.advance(250);
    await progress.add("three ");
    expect(told).toEqual(["one two three "]);
    await progress.add("x".repeat(2000));
    expect(told[1]).toHaveLength(2000);
    await progress.add("end");
    await progress.flush();
    await progress.flush();
    expect(told.slice(2)).toEqual(["end"]);
  });

  it("are read no faster than the caller takes them", async () => {
    const taken = Promise.withResolvers<void>();
    const clock = new FakeClock();
    const progress = new TextProgress({ clock, tell: () => taken.promise });
    let done = false;
    const adding = progress.add("x".repeat(2000)).then(() => (done = true));
    await Promise.resolve();
    expect(done).toBe(false);
    taken.resolve();
    await adding;
  });
});

describe("a failure", () => {
  const call = (statusCode: number, isRetryable: boolean): APICallError =>
    new APICallError({
      message: "says so",
      url: "http://x",
      requestBodyValues: { secret: "text" },
      statusCode,
      isRetryable,
    });

  it("that passes may be tried again, and another one not", () => {
    expect(failureOf(call(529, true))).toMatchObject({ error: { code: "model_unavailable" }, facts: { status: 529 } });
    expect(failureOf(call(404, false))).toMatchObject({ error: { code: "model_refused" }, facts: { status: 404 } });
    expect(failureOf(new TypeError("fetch failed")).error.code).toBe("model_unavailable");
    expect(failureOf(new Error("odd")).error.code).toBe("model_refused");
  });

  it("says nothing of what was asked", () => {
    expect(JSON.stringify(failureOf(call(400, false)))).not.toContain("secret");
  });
});
