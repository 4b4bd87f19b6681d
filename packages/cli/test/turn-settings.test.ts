import { describe, expect, it } from "vitest";

import { Configuration } from "../src/configuration.ts";
import { ownIceServers } from "../src/own-ice-servers.ts";
import type { SettingName } from "../src/setting-table.ts";
import { coturnConfiguration } from "../src/turn/coturn-configuration.ts";

const settings = (environment: Readonly<Record<string, string>>, servers?: string): Configuration =>
  Configuration.read({
    flags: new Map<SettingName, string>(servers === undefined ? [] : [["ice-servers", servers]]),
    environment,
    cwd: "/nowhere",
    homeDirectory: "/nowhere",
  });
const credentials = { PARLEY_ICE_USERNAME: "me", PARLEY_ICE_CREDENTIAL: "secret" };

describe("a device's own ICE servers", () => {
  it("are none by default", () => {
    expect(ownIceServers(settings({}))).toEqual([]);
  });

  it("take name and password for TURN alone", () => {
    expect(ownIceServers(settings(credentials, "stun:a.example,turn:b.example:99?transport=udp"))).toEqual([
      { urls: ["stun:a.example"] },
      { urls: ["turn:b.example:99?transport=udp"], username: "me", credential: "secret" },
    ]);
    expect(() => ownIceServers(settings({}, "turn:b.example"))).toThrow("PARLEY_ICE_USERNAME");
  });

  it.each(["http://a", "stun:", "turn:me@b.example", "stun:a/b", "a.example:3478"])("refuse %s", (url) => {
    expect(() => ownIceServers(settings(credentials, url))).toThrow("is not of the form");
  });

  it("are at most eight", () => {
    const urls = Array.from({ length: 9 }, (_, index) => `stun:s${index}.example`);
    expect(ownIceServers(settings({}, urls.slice(1).join(",")))).toHaveLength(1);
    expect(() => ownIceServers(settings({}, urls.join(",")))).toThrow("more than 8");
  });
});

describe("the configuration of coturn", () => {
  const text = coturnConfiguration({
    realm: "turn.example.org",
    secret: "s3cret",
    listen: ["198.51.100.7", "198.51.100.8"],
    externalAddress: "198.51.100.7/10.0.0.7",
    port: 3479,
    relayPorts: [50_000, 50_999],
  });
  const lines = text.split("\n");

  it("holds what it was given", () => {
    for (const line of [
      "realm=turn.example.org",
      "static-auth-secret=s3cret",
      "listening-ip=198.51.100.7",
      "listening-ip=198.51.100.8",
      "relay-ip=198.51.100.7",
      "external-ip=198.51.100.7/10.0.0.7",
      "listening-port=3479",
      "min-port=50000",
      "max-port=50999",
    ])
      expect(lines).toContain(line);
  });

  it("keeps everybody out of private networks, with bounds on what one may use", () => {
    const denied = lines.filter((line) => line.startsWith("denied-peer-ip="));
    for (const start of [
      "10.0.0.0-",
      "127.0.0.0-",
      "169.254.0.0-",
      "192.168.0.0-",
      "::1",
      "::ffff:",
      "fc00::-",
      "fe80::-",
    ])
      expect(denied.some((line) => line.startsWith(`denied-peer-ip=${start}`))).toBe(true);
    // coturn reads this one as every address.
    expect(denied).not.toContain("denied-peer-ip=::");
    for (const line of ["use-auth-secret", "no-cli", "no-tcp-relay", "no-multicast-peers"])
      expect(lines).toContain(line);
    expect(text).toMatch(/^user-quota=\d+$/m);
    expect(text).toMatch(/^total-quota=\d+$/m);
  });
});
