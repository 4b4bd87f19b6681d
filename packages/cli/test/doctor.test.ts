import { limits, protocolVersions } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { doctorChecks } from "../src/doctor/checks.ts";
import { judgeDial } from "../src/doctor/dial-check.ts";
import { readIceUrl } from "../src/doctor/ice-url.ts";
import { judgeDisk, leastFreeBytes } from "../src/doctor/machine-checks.ts";
import { judgeKind, judgePaths, judgeStun, judgeTurn, pathsTowards } from "../src/doctor/network-checks.ts";
import { judgeEnds, judgeSkew, judgeVersion } from "../src/doctor/registry-checks.ts";
import { judgeTurnTrial } from "../src/doctor/turn-judge.ts";
import { probeLoopback } from "../src/doctor/udp-probe.ts";
import { endingSoon, soonMs } from "../src/statement-end.ts";

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
    expect(judgeTurn([], 0)).toMatchObject({ verdict: "warning", code: "no_turn" });
  });

  const url = "turn:turn.example.org";
  const works = { state: "works", relayed: { address: "192.0.2.1", port: 1 }, allocateMs: 3, throughMs: 1 } as const;

  it.each([
    ["turn_unreachable", { state: "silent" }, "1:a"],
    ["turn_unreachable", { state: "unresolved" }, "1:a"],
    ["turn_expired", { state: "refused", code: 401 }, "1700000000:a"],
    ["turn_refused", { state: "refused", code: 401 }, "1700000011:a"],
    ["turn_refused", { state: "refused", code: 401 }, "somebody"],
    ["turn_refused", { state: "refused", code: 403 }, "1700000011:a"],
    ["turn_full", { state: "refused", code: 486 }, "1700000011:a"],
    ["turn_lost", { state: "lost", relayed: works.relayed }, "1700000011:a"],
    ["turn_unused", { state: "not-tried" }, "1700000011:a"],
    ["turn_refused", { state: "no-credentials" }, undefined],
    ["ok", works, "1700000011:a"],
  ] as const)("find %s in a TURN server", (code, outcome, username) => {
    const finding = judgeTurnTrial({ url, username, outcome }, 1_700_000_010_000);
    expect(finding.code).toBe(code);
    expect(finding.advice?.endsWith(".") ?? true).toBe(true);
  });

  it("name the worst of several TURN servers", () => {
    const trials = [
      { url, username: "a", outcome: works },
      { url, username: "a", outcome: { state: "silent" } as const },
    ];
    expect(judgeTurn(trials, 0)).toMatchObject({ verdict: "fault", code: "turn_unreachable" });
    expect(judgeTurn(trials.slice(0, 1), 0).verdict).toBe("ok");
  });

  it("name STUN servers that are silent while others answer", () => {
    const [good, bad] = [
      { url: "stun:a", answeredMs: 3 },
      { url: "stun:b", answeredMs: undefined },
    ];
    expect(
      [judgeStun([]), judgeStun([good]), judgeStun([good, bad]), judgeStun([bad])].map(({ code }) => code),
    ).toEqual(["left_out", "ok", "stun_silent", "left_out"]);
  });

  it("are honest about what is unknown", () => {
    const nat = {
      kind: "unknown",
      mapping: "unknown",
      filtering: "unknown",
      mapped: undefined,
      translated: undefined,
    } as const;
    const findings = { ...nat, because: "no STUN server is configured" };
    expect(judgeKind(findings)).toMatchObject({ verdict: "left-out", says: "unknown; no STUN server is configured." });
    expect(judgePaths(findings, { turn: false, relay: true })).toMatchObject({ verdict: "left-out" });
    const known = judgePaths({ ...nat, kind: "symmetric" }, { turn: true, relay: true });
    expect(known.says).toBe(
      "By what the other side is behind: direct to public, full-cone, address-restricted; turn to port-restricted, symmetric; relay to udp-blocked, tcp-443-only.",
    );
  });
});

describe("a dial", () => {
  const paths = pathsTowards("symmetric", { turn: true, relay: true });
  const answered = { device: "d", rttMs: 2.4, route: undefined };
  const first = { ...answered, path: "relay", reason: "link-opening" } as const;

  it("says by which path it went and why", () => {
    const route = { local: "10.0.0.1:5", remote: "10.0.0.2:6" };
    const last = { ...answered, path: "direct", reason: "direct-link", route } as const;
    const dialled = { first, last, link: { path: "direct", openedInMs: 80.2 }, problem: undefined } as const;
    expect(judgeDial("@bob", dialled, undefined)).toMatchObject({
      verdict: "ok",
      says: "@bob answered by relay in 3 ms, now by direct in 3 ms, link up in 80 ms (10.0.0.1:5 to 10.0.0.2:6), because a link is open and nothing stands between the two devices.",
      details: { first: "relay", last: "direct", reason: "direct-link" },
    });
    expect(judgeDial("@bob", dialled, paths).says).toMatch(
      / As expected if it is behind: public, full-cone, address-restricted\.$/,
    );
  });

  it("says why there is no link", () => {
    const last = { ...answered, path: "relay", reason: "link-failed:ice-failed" } as const;
    const dialled = { first, last, link: undefined, problem: "There is no link." };
    expect(judgeDial("@bob", dialled, paths)).toMatchObject({
      says: "@bob answered by relay in 3 ms, now by relay in 3 ms, because the last link ended or did not open: the two devices found no way to each other. As expected if it is behind: udp-blocked, tcp-443-only.",
      details: { reason: "link-failed:ice-failed", problem: "There is no link." },
    });
  });

  it("warns of a path that no kind of network explains", () => {
    const last = { ...answered, path: "mailbox", reason: "peer-links-off" } as const;
    const finding = judgeDial("@bob", { first, last, link: undefined, problem: undefined }, paths);
    expect(finding).toMatchObject({ verdict: "warning", code: "path_unexpected" });
    expect(finding.says).toMatch(
      /because the other device makes no links\. From here direct or turn or relay was to be expected\.$/,
    );
  });
});

describe("probes of UDP", () => {
  it("read STUN and TURN addresses", () => {
    const read = (url: string) => {
      const { kind, transport, host, port } = readIceUrl(url) ?? {};
      return [kind, transport, host, port].join(" ");
    };
    expect(
      ["stun:a.example", "turn:a.example:99?transport=tcp", "stun:[::1]:5", "turns:b", "stun:a:0", "https://x"].map(
        read,
      ),
    ).toEqual(["stun udp a.example 3478", "turn tcp a.example 99", "stun udp ::1 5", "turn tls b 5349", "   ", "   "]);
  });

  it("pass on this machine, and name why they do not", async () => {
    expect(await probeLoopback()).toBeUndefined();
    expect(await probeLoopback("192.0.2.1")).toBe("EADDRNOTAVAIL");
  });
});

describe("the end of what somebody vouches for", () => {
  const now = 1_800_000_000_000;
  const far = now + soonMs + 1;

  it.each([
    [far, far, "ok"],
    [now + soonMs, far, "warning"],
    [now, far, "warning"],
    [far, now + soonMs, "warning"],
    [far, now + soonMs + 1, "ok"],
  ])("is told a month before: admission %d, certificate %d", (admission, certificate, verdict) => {
    expect(judgeEnds({ admission, certificate }, now).verdict).toBe(verdict);
  });

  it("names the day, and whether it is over", () => {
    expect(endingSoon(now + 1, now)).toBe("ends on 2027-01-15");
    expect(endingSoon(now, now)).toBe("ended on 2027-01-15");
    expect(endingSoon(far, now)).toBeUndefined();
  });
});
