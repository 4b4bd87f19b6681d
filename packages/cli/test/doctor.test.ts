import { createSocket } from "node:dgram";
import { once } from "node:events";

import { limits, protocolVersions } from "@parley/protocol";
import { describe, expect, it, onTestFinished } from "vitest";

import { doctorChecks } from "../src/doctor/checks.ts";
import { judgeDisk, leastFreeBytes } from "../src/doctor/machine-checks.ts";
import { judgeTurn, stunAddress } from "../src/doctor/network-checks.ts";
import { judgeSkew, judgeVersion } from "../src/doctor/registry-checks.ts";
import { probeLoopback, probeStun } from "../src/doctor/udp-probe.ts";

describe("the checks", () => {
  it("have names of their own", () => {
    const names = doctorChecks.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it("judge clocks at, below and above the bound", () => {
    expect(judgeSkew(0).verdict).toBe("ok");
    expect(judgeSkew(10_000).verdict).toBe("ok");
    expect(judgeSkew(10_001)).toMatchObject({ verdict: "warning", code: "clock_skew" });
    expect(judgeSkew(limits.clockSkewMs).verdict).toBe("warning");
    expect(judgeSkew(limits.clockSkewMs + 1)).toMatchObject({
      verdict: "fault",
      says: expect.stringContaining("ahead of"),
    });
    expect(judgeSkew(-limits.clockSkewMs - 1)).toMatchObject({
      verdict: "fault",
      says: expect.stringContaining("behind"),
    });
  });

  it("judge free space at, below and above the bound", () => {
    expect(
      [leastFreeBytes - 1, leastFreeBytes, leastFreeBytes + 1].map((bytes) => judgeDisk("/x", bytes).code),
    ).toEqual(["storage_full", "ok", "ok"]);
  });

  it("say which side is too old", () => {
    const newest = Math.max(...protocolVersions);
    expect(judgeVersion("1.0", [newest, 99]).verdict).toBe("ok");
    expect(judgeVersion("9.0", [newest + 1])).toMatchObject({
      code: "unsupported_version",
      advice: "This Parley is too old: update it.",
    });
    expect(judgeVersion("0.0", [])).toMatchObject({
      code: "unsupported_version",
      advice: "The registry is too old: update it.",
    });
  });

  it("warn where no TURN server is named", () => {
    expect(judgeTurn([])).toMatchObject({ verdict: "warning", code: "no_turn" });
    expect(judgeTurn([{ urls: ["stun:stun.example.org"] }]).code).toBe("no_turn");
    expect(judgeTurn([{ urls: ["turn:turn.example.org:3478?transport=udp"] }]).verdict).toBe("ok");
  });
});

describe("probes of UDP", () => {
  it("read STUN and TURN addresses", () => {
    expect(["stun:a.example", "turn:a.example:99?transport=udp", "stun:[::1]:5", "https://x"].map(stunAddress)).toEqual(
      [{ host: "a.example", port: 3478 }, { host: "a.example", port: 99 }, { host: "::1", port: 5 }, undefined],
    );
  });

  it("pass on this machine, and name why they do not", async () => {
    expect(await probeLoopback()).toBeUndefined();
    expect(await probeLoopback("192.0.2.1")).toBe("EADDRNOTAVAIL");
  });

  it("take an answer to their own STUN request only", async () => {
    const server = createSocket("udp4");
    onTestFinished(() => void server.close());
    server.on("message", (request, { port, address }) => {
      const answer = Buffer.from(request);
      answer.writeUInt16BE(0x0101, 0);
      const foreign = Buffer.from(answer);
      foreign.writeUInt8(foreign.readUInt8(19) ^ 1, 19);
      server.send(foreign, port, address);
      server.send(answer, port, address);
    });
    server.bind(0, "127.0.0.1");
    await once(server, "listening");
    expect(await probeStun("127.0.0.1", server.address().port)).toBeUndefined();
  });

  it("give up on a server that is silent", async () => {
    const silent = createSocket("udp4").bind(0, "127.0.0.1");
    onTestFinished(() => void silent.close());
    await once(silent, "listening");
    expect(await probeStun("127.0.0.1", silent.address().port)).toBe("no answer");
  });
});
