import { Readable } from "node:stream";

import { limits } from "@parley/protocol";
import { expect, it } from "vitest";

import { readInput } from "../src/read-input.ts";

const signal = new AbortController().signal;
const read = (...parts: (string | Buffer)[]): Promise<string> => readInput(signal, Readable.from(parts));

it("reads all of the input, without its last newline", async () => {
  expect(await read("one\n", "two\n")).toBe("one\ntwo");
  expect(await read("one\r\n")).toBe("one");
  expect(await read("one\n\n")).toBe("one\n");
  expect(await read()).toBe("");
});

it("joins a character that came in two parts", async () => {
  const bytes = Buffer.from("é");
  expect(await read(bytes.subarray(0, 1), bytes.subarray(1))).toBe("é");
});

it("takes as much as a message may hold, and no more", async () => {
  const most = limits.envelopeBytes;
  expect(await read("x".repeat(most - 1))).toHaveLength(most - 1);
  expect(await read("x".repeat(most))).toHaveLength(most);
  await expect(read("x".repeat(most), "x")).rejects.toMatchObject({ code: "too_large" });
});

it("ends when it is stopped", async () => {
  const abort = new AbortController();
  const reading = readInput(abort.signal, new Readable({ read: () => undefined }));
  abort.abort();
  await expect(reading).rejects.toMatchObject({ code: "canceled" });
});
