import { describe, expect, it } from "vitest";

import { redactedMark, redactSecrets, redactSecretsIn } from "../../src/guards/redaction.ts";
import { harmlessTexts } from "./harmless-texts.ts";
import { plantedSecrets } from "./planted-secrets.ts";

const seeds = [1, 2, 3, 4, 5];

describe("redaction of secrets", () => {
  it("takes 95 of 100 planted secrets of real forms out, whole", () => {
    for (const seed of seeds) {
      const planted = plantedSecrets(seed);
      expect(planted.length).toBeGreaterThanOrEqual(50);
      const missed = planted.filter(({ secret, text }) => {
        const clean = redactSecrets(text);
        return !clean.includes(redactedMark) || secret.split("\n").some((line) => clean.includes(line.slice(4, -4)));
      });
      const recall = 1 - missed.length / planted.length;
      expect({ recall: recall >= 0.95, missed: missed.map(({ form }) => form) }).toMatchObject({ recall: true });
    }
  });

  it("leaves 99 of 100 harmless texts as they are", () => {
    for (const seed of seeds) {
      const texts = harmlessTexts(seed);
      expect(texts.length).toBeGreaterThanOrEqual(500);
      const changed = texts.filter((text) => redactSecrets(text) !== text);
      expect({ share: changed.length / texts.length <= 0.01, changed }).toMatchObject({ share: true });
    }
  });

  it("says the same for every secret, and nothing of this machine's environment", () => {
    const marks = plantedSecrets(7).map(({ secret }) => redactSecrets(`x ${secret} y`));
    expect(new Set(marks.filter((text) => text.includes(redactedMark))).size).toBe(1);
    const own = "correct horse battery staple";
    process.env["PARLEY_TEST_PLAIN"] = own;
    try {
      expect(redactSecrets(`is it ${own}?`)).toBe(`is it ${own}?`);
    } finally {
      delete process.env["PARLEY_TEST_PLAIN"];
    }
  });

  it("looks into JSON, by the names of fields too, and leaves the rest as it was", () => {
    const value = { user: "ada", dbPassword: "kQ8vzzTr41", list: ["fine", "password: kQ8vzzTr41"], n: 3, none: null };
    expect(redactSecretsIn(value)).toEqual({
      user: "ada",
      dbPassword: redactedMark,
      list: ["fine", `password: ${redactedMark}`],
      n: 3,
      none: null,
    });
  });

  it("takes time in proportion to the text", () => {
    const hostile = [
      "a".repeat(200_000),
      "password: ".repeat(20_000),
      "eyJ".repeat(60_000),
      "x_".repeat(90_000),
      "-----BEGIN PRIVATE KEY-----".repeat(5_000),
    ];
    for (const text of hostile) {
      const began = performance.now();
      redactSecrets(text);
      expect(performance.now() - began).toBeLessThan(4_000);
    }
  });
});
