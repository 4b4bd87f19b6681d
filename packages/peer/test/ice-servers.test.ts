import { expect, it } from "vitest";

import { nativeIceServers } from "../src/ice-servers.ts";

const turn = (url: string) => nativeIceServers([{ urls: [url], username: "u", credential: "c" }]);

it("takes STUN and TURN over UDP, with the default port 3478", () => {
  expect(nativeIceServers([{ urls: ["stun:stun.example", "STUN:192.0.2.1:3479"] }])).toEqual([
    { hostname: "stun.example", port: 3478 },
    { hostname: "192.0.2.1", port: 3479 },
  ]);
  const relay = { hostname: "2001:db8::1", port: 3478, username: "u", password: "c", relayType: "TurnUdp" };
  expect(turn("turn:[2001:db8::1]?transport=udp")).toEqual([relay]);
  expect(turn("turn:[2001:db8::1]:3478")).toEqual([relay]);
});

it.each([
  "turn:t.example?transport=tcp",
  "turns:t.example:5349",
  "stuns:s.example",
  "turn:t.example:0",
  "turn:t.example:65536",
  "http://t.example",
  "turn:",
  "turn:a b",
  "",
])("leaves out %j", (url) => {
  expect(turn(url)).toEqual([]);
});

it("leaves out TURN without credentials", () => {
  expect(nativeIceServers([{ urls: ["turn:t.example"] }])).toEqual([]);
});

it("takes eight servers at most", () => {
  const urls = Array.from({ length: 9 }, (_, index) => `stun:s${index}.example`);
  expect([7, 8, 9].map((count) => nativeIceServers([{ urls: urls.slice(0, count) }]).length)).toEqual([7, 8, 8]);
});
