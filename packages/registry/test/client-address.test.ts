import type { IncomingMessage } from "node:http";

import { toParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { addressGroup, plainAddress } from "../src/address-group.ts";
import { type ForwardedHeader, TrustedProxies } from "../src/client-address.ts";

/** Where a request is taken to come from. */
function from(
  peer: string,
  headers: IncomingMessage["headers"],
  trusted: readonly string[] = ["10.0.0.0/8", "fd00::/8"],
  header: ForwardedHeader = "x-forwarded-for",
): string {
  const socket = { remoteAddress: peer } as IncomingMessage["socket"];
  return new TrustedProxies(trusted, header).clientAddress({ headers, socket }).address;
}

describe("what is counted by address", () => {
  it("is an address of IPv4, however it is written, and the /64 of IPv6", () => {
    expect(["192.0.2.7", "::ffff:192.0.2.7", "::FFFF:c000:207"].map(addressGroup)).toEqual(Array(3).fill("192.0.2.7"));
    const near = [
      "2001:db8:1:2::1",
      "2001:DB8:1:2:ffff:ffff:ffff:ffff",
      "2001:db8:1:2::%eth0",
      "2001:db8:1:2::192.0.2.1",
    ];
    expect(new Set(near.map(addressGroup)).size).toBe(1);
    expect(addressGroup("2001:db8:1:3::1")).not.toBe(addressGroup("2001:db8:1:2::1"));
    expect(addressGroup("::1")).not.toBe(addressGroup("2001:db8::1"));
  });

  it("stands for itself when it is no address", () => {
    expect(["", "unknown", "192.0.2", "1:2:3"].map(addressGroup)).toEqual(["", "unknown", "192.0.2", "1:2:3"]);
    expect(["", "unknown", "192.0.2", "1:2:3", "[::1]"].map(plainAddress)).toEqual(Array(5).fill(undefined));
    expect(plainAddress("0:0:0:0:0:0:0:1")).toBe("::1");
  });
});

describe("where a request comes from", () => {
  it("is its connection's address, whatever the headers say, unless a named proxy wrote them", () => {
    expect(from("192.0.2.1", { "x-forwarded-for": "198.51.100.7" })).toBe("192.0.2.1");
    expect(from("10.0.0.1", { "x-forwarded-for": "198.51.100.7" }, [])).toBe("10.0.0.1");
    expect(from("10.0.0.1", { "x-forwarded-for": "198.51.100.7" })).toBe("198.51.100.7");
    expect(from("::ffff:10.0.0.1", { "x-forwarded-for": "198.51.100.7" })).toBe("198.51.100.7");
  });

  it("is the right-most address that is no proxy's", () => {
    expect(from("10.0.0.1", { "x-forwarded-for": "203.0.113.9, 198.51.100.7, 10.0.0.2, fd00::5" })).toBe(
      "198.51.100.7",
    );
    expect(from("10.0.0.1", { "x-forwarded-for": "10.0.0.3, 10.0.0.2" })).toBe("10.0.0.3");
    expect(from("10.0.0.1", {})).toBe("10.0.0.1");
    const long = Array.from({ length: 100 }, () => "10.0.0.2").join(",");
    expect(from("10.0.0.1", { "x-forwarded-for": `198.51.100.7,${long}` })).toBe("10.0.0.2");
  });

  it("goes back no further than what it can read", () => {
    expect(from("10.0.0.1", { "x-forwarded-for": "203.0.113.9, not an address, 10.0.0.2" })).toBe("10.0.0.2");
    expect(from("10.0.0.1", { "x-forwarded-for": "203.0.113.9, ," })).toBe("10.0.0.1");
    expect(from("10.0.0.1", { "x-forwarded-for": "198.51.100.7:4711" })).toBe("198.51.100.7");
    expect(from("10.0.0.1", { "x-forwarded-for": "[2001:db8::7]:4711" })).toBe("2001:db8::7");
  });

  it("is read from the one header that the proxies write", () => {
    const both = {
      "x-forwarded-for": "203.0.113.9",
      forwarded: 'for=192.0.2.43;proto=https, For="[2001:db8:cafe::17]:4711"',
    };
    expect(from("10.0.0.1", both)).toBe("203.0.113.9");
    expect(from("10.0.0.1", both, undefined, "forwarded")).toBe("2001:db8:cafe::17");
    expect(from("10.0.0.1", { forwarded: "for=_hidden" }, undefined, "forwarded")).toBe("10.0.0.1");
    expect(from("10.0.0.1", { forwarded: "proto=https;by=203.0.113.9" }, undefined, "forwarded")).toBe("10.0.0.1");
  });

  it("is asked of proxies that are named by addresses and networks only", () => {
    const outcome = (proxy: string): string => {
      try {
        return new TrustedProxies([proxy]).isEmpty ? "empty" : "taken";
      } catch (error) {
        return toParleyError(error).code;
      }
    };
    expect(["10.0.0.5", "10.0.0.0/8", "::1", "fd00::/8", "10.0.0.5/32"].map(outcome)).toEqual(Array(5).fill("taken"));
    const wrong = ["proxy.example", "10.0.0.0/33", "10.0.0.0/0", "::/129", "10.0.0.0/8/8", "10.0.0.0/x", "*", "all"];
    expect(wrong.map(outcome)).toEqual(Array(8).fill("invalid_config"));
  });
});
