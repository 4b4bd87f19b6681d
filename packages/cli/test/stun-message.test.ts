import { describe, expect, it } from "vitest";

import {
  decodeAddress,
  decodeStun,
  encodeStun,
  encodeXorAddress,
  errorCodeOf,
  hasIntegrity,
  longTermKey,
  stunAttributes,
  stunTypes,
} from "../src/stun/stun-message.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");
const key = Buffer.from("VOkJxbRl1RmTxUk/WvJxBt");

/** RFC 5769 sections 2.1 to 2.4. */
const request = hex(`000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff
  80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf`);
const answer4 = hex(`0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643
  000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96`);
const answer6 =
  hex(`010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179
  bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c`);
const longTerm = hex(`000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b90000
  0015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f72670000080014
  f67024656dd64a3e02b8e0712e85c9a28ca89666`);

describe("the test vectors of RFC 5769", () => {
  it("are read, with their integrity and fingerprint", () => {
    for (const bytes of [request, answer4, answer6]) {
      expect(decodeStun(bytes)).toBeDefined();
      expect(hasIntegrity(bytes, key)).toBe(true);
      expect(hasIntegrity(bytes, Buffer.from("another"))).toBe(false);
    }
    expect(decodeStun(request)?.attributes.get(stunAttributes.username)?.toString()).toBe("evtj:h6vY");
  });

  it("hold the addresses that they should", () => {
    const mapped = (bytes: Buffer) => {
      const message = decodeStun(bytes);
      return decodeAddress(message?.attributes.get(stunAttributes.xorMappedAddress), message?.transaction);
    };
    expect(mapped(answer4)).toEqual({ address: "192.0.2.1", port: 32_853 });
    expect(mapped(answer6)).toEqual({ address: "2001:db8:1234:5678:11:2233:4455:6677", port: 32_853 });
  });

  it("carry long-term credentials", () => {
    const name = "\u30DE\u30C8\u30EA\u30C3\u30AF\u30B9";
    expect(hasIntegrity(longTerm, longTermKey(name, "example.org", "TheMatrIX"))).toBe(true);
    expect(hasIntegrity(longTerm, longTermKey(name, "example.org", "TheMatrix"))).toBe(false);
  });
});

describe("messages", () => {
  const transaction = Buffer.alloc(12, 7);

  it("come back as they were written", () => {
    const attributes = new Map([
      [stunAttributes.username, Buffer.from("abcde")],
      [stunAttributes.data, Buffer.alloc(0)],
    ]);
    const bytes = encodeStun({ type: stunTypes.allocateRequest, transaction, attributes }, key);
    expect(hasIntegrity(bytes, key)).toBe(true);
    const read = decodeStun(bytes);
    expect([read?.type, read?.transaction, read?.attributes.get(stunAttributes.username)?.toString()]).toEqual([
      stunTypes.allocateRequest,
      transaction,
      "abcde",
    ]);
  });

  it.each(["192.0.2.7", "2001:db8::7", "::1"])("carry %s", (address) => {
    const value = encodeXorAddress({ address, port: 1 }, transaction);
    expect(decodeAddress(value, transaction)).toEqual({ address, port: 1 });
  });

  it("that are damaged are none, whichever byte it is", () => {
    // All but the header of the fingerprint itself: without it there is nothing to compare with.
    const covered = [...request.keys()].filter((at) => at < request.length - 8 || at >= request.length - 4);
    for (const at of covered) {
      const damaged = Buffer.from(request);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 0x40, at);
      expect(decodeStun(damaged)).toBeUndefined();
    }
    for (let length = 0; length < request.length; length++)
      expect(decodeStun(request.subarray(0, length))).toBeUndefined();
  });

  it("tell the number of an error, in answers only", () => {
    const attributes = new Map([[stunAttributes.errorCode, Buffer.from([0, 0, 4, 1])]]);
    const error = (type: number) =>
      errorCodeOf(decodeStun(encodeStun({ type, transaction, attributes })) ?? { type, transaction, attributes });
    expect([error(0x0113), error(0x0003)]).toEqual([401, undefined]);
  });
});
