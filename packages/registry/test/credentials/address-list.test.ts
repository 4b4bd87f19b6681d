import { describe, expect, it } from "vitest";

import { isAddressListed } from "../../src/credentials/address-list.ts";

describe("a list of addresses", () => {
  it.each([
    ["10.1.2.3", ["10.0.0.0/8"], true],
    ["11.0.0.0", ["10.0.0.0/8"], false],
    ["9.255.255.255", ["10.0.0.0/8"], false],
    ["192.0.2.7", ["192.0.2.7"], true],
    ["192.0.2.8", ["192.0.2.7", "192.0.2.9"], false],
    ["::ffff:192.0.2.7", ["192.0.2.7"], true],
    ["::FFFF:10.9.9.9", ["10.0.0.0/8"], true],
    ["2001:db8::5", ["2001:db8::/32"], true],
    ["2001:db9::5", ["2001:db8::/32"], false],
    ["fe80::1%eth0", ["fe80::/10"], true],
    ["127.0.0.1", ["0.0.0.0/0"], true],
    ["::1", ["0.0.0.0/0"], false],
    ["", ["0.0.0.0/0", "::/0"], false],
    ["not an address", ["0.0.0.0/0", "::/0"], false],
    ["10.0.0.1", [], false],
  ])("has %s of %j: %s", (address, list, expected) => {
    expect(isAddressListed(address, list)).toBe(expected);
  });
});
