import { describe, expect, it } from "vitest";

import { wordsOf } from "../../src/guards/message-news.ts";
import { measureNews, type News, type Said } from "../../src/guards/news-measure.ts";

/** News of the last of these, which two say in turns. */
function newsOf(...texts: readonly string[]): News {
  const said: Said[] = [];
  let news: News | undefined;
  for (const [at, text] of texts.entries()) {
    const words = wordsOf(text);
    const from = at % 2 === 0 ? "a" : "b";
    news = measureNews(words, from, said);
    said.push({ words, from, isContent: news.isContent });
  }
  if (news === undefined) throw new Error("nothing was said");
  return news;
}

/** Without what it is worth as an answer. */
const plainOf = (...texts: readonly string[]): number => newsOf(...texts).plain;
const amountOf = (...texts: readonly string[]): number => newsOf(...texts).amount;

describe("how much news a message brings", () => {
  it("is more when it says one new thing than when it says one among others that were said", () => {
    const before = "The tables were copied to the vault.";
    expect(amountOf(before, "invoices")).toBeGreaterThan(2);
    expect(plainOf(before, "So the tables were copied to the vault with invoices.")).toBeLessThan(1);
  });

  it("is not less for what its author says again in front of it", () => {
    expect(amountOf("Row 1, mailbox.", "mine", "Row 2, metrics.")).toBeGreaterThan(2);
  });

  it("counts a number by itself, and none that counts on, is an id or changes in a sentence that both say", () => {
    expect(amountOf("512", "fail", "640")).toBeGreaterThan(2);
    expect(plainOf("level 3", "fine", "level 6")).toBe(0);
    expect(amountOf("level 3", "fine", "level 7")).toBeGreaterThan(2);
    expect(amountOf("level 7", "fine", "level 6")).toBeGreaterThan(2);
    expect(plainOf("level 10", "fine", "level 20", "fine", "level 30")).toBe(0);
    expect(amountOf("level 10", "fine", "level 20", "fine", "level 31")).toBeGreaterThan(2);
    expect(amountOf("mark 99999998", "fine", "mark 99999990")).toBeGreaterThan(2);
    expect(plainOf("mark 100000000", "fine", "mark 700000000")).toBe(0);
    expect(amountOf("pong 48213", "pong 51377")).toBeLessThan(2);
  });

  it("takes what has a fraction for measured, however little it moved", () => {
    expect(amountOf("sensor 21.4", "fine", "sensor 21.9")).toBeGreaterThan(2);
  });

  it("counts codes of letters and a number unless they count on, and no random ids", () => {
    expect(amountOf("e4", "e7", "Nf3")).toBeGreaterThan(2);
    expect(plainOf("D7", "miss", "D8")).toBe(0);
    expect(plainOf("a1", "b1", "a2")).toBe(0);
    expect(plainOf("id 8f3a2b77c1", "id 91be04d2aa")).toBe(0);
  });

  it("makes a short answer to new content news, and more so another one than before", () => {
    expect(amountOf("auth?", "up", "billing?", "up")).toBe(0.5);
    expect(amountOf("auth?", "up", "billing?", "down")).toBeGreaterThan(1);
    expect(amountOf("auth?", "up", "auth?", "up")).toBe(0);
  });

  it("takes up what was said some time ago, but not in a round that is gone through once more", () => {
    const round = ["install", "drained", "vault", "closed", "mailbox", "opened", "metrics", "written"];
    expect(amountOf(...round, "install")).toBeGreaterThan(1);
    expect(plainOf(...round, "install", "drained")).toBe(0);
  });
});
