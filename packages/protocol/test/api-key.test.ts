import { randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

import { addressRangeSchema, apiKeyIdSchema, apiKeyPattern, makeApiKey, parseApiKey } from "@parley/protocol";
import { describe, expect, it } from "vitest";

const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

describe("the text of an API key", () => {
  it("is read back, found in a text by its pattern, and ends with the CRC-32 of what is before", () => {
    for (let count = 0; count < 200; count++) {
      const { id, secret, text } = makeApiKey((bytes) => randomBytes(bytes));
      expect(parseApiKey(text)).toEqual({ id, secret });
      expect(apiKeyPattern.exec(`key = "${text}";`)?.[0]).toBe(text);
      expect(apiKeyIdSchema.parse(id)).toBe(id);
      const check = Array.from(text.slice(-6), (digit) => alphabet.indexOf(digit)).reduce(
        (sum, digit) => sum * 62 + digit,
        0,
      );
      expect(check).toBe(crc32(text.slice(0, -6)));
    }
  });

  it("is no key once a letter is changed, cut off, added or swapped", () => {
    const { text } = makeApiKey((bytes) => randomBytes(bytes));
    for (let at = 0; at < text.length; at++) {
      const other = text.charAt(at) === "7" ? "8" : "7";
      expect(parseApiKey(text.slice(0, at) + other + text.slice(at + 1))).toBeUndefined();
      expect(parseApiKey(text.slice(0, at) + text.slice(at + 1))).toBeUndefined();
      expect(parseApiKey(text.slice(0, at))).toBeUndefined();
    }
    for (const wrong of ["", "pak_", `${text} `, ` ${text}`, `${text}\n`, text.replace("pak_", "pdt_"), `x${text}`])
      expect(parseApiKey(wrong)).toBeUndefined();
  });

  it("takes each character as likely as any other: bytes above the last multiple of 62 are passed over", () => {
    const given = [new Uint8Array(12).fill(255), Uint8Array.from({ length: 12 }, (_, at) => 248 - 1 - at)];
    const { id } = makeApiKey((bytes) => given.shift() ?? new Uint8Array(bytes));
    expect(id).toBe("zyxwvutsrqpo");
  });
});

describe("addresses of an API key", () => {
  it.each(["192.0.2.7", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::1", "2001:db8::/32", "::ffff:10.0.0.1"])(
    "may be %s",
    (text) => {
      expect(addressRangeSchema.safeParse(text).success).toBe(true);
    },
  );

  it.each(["", "localhost", "10.0.0.0/33", "10.0.0", "2001:db8::/129", "10.0.0.1 ", "10.0.0.0/-1", "fe80::1%eth0"])(
    "may not be %j",
    (text) => {
      expect(addressRangeSchema.safeParse(text).success).toBe(false);
    },
  );
});
