import { ParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { CandidateGate } from "../src/candidate-gate.ts";
import { InterfaceFilter, type LocalAddress } from "../src/interface-filter.ts";

const machine: readonly LocalAddress[] = [
  { name: "lo", address: "127.0.0.1", cidr: "127.0.0.1/8", internal: true },
  { name: "eth0", address: "192.0.2.7", cidr: "192.0.2.7/24", internal: false },
  { name: "eth0", address: "2001:db8::7", cidr: "2001:db8::7/64", internal: false },
  { name: "docker0", address: "172.17.0.1", cidr: "172.17.0.1/16", internal: false },
  { name: "tun0", address: "10.8.0.2", cidr: "10.8.0.2/24", internal: false },
];
const routed = ["192.0.2.7"];
const allowed = (...rules: readonly string[]) => {
  const verdict = new InterfaceFilter(rules).judge(machine, routed);
  return machine.map(({ address }) => address).filter((address) => verdict.allowsLocal(address));
};

describe("rules for interfaces", () => {
  it("allow what they name, by name, by its beginning or by range", () => {
    expect(allowed("tun0")).toEqual(["10.8.0.2"]);
    expect(allowed("eth*")).toEqual(["192.0.2.7", "2001:db8::7"]);
    expect(allowed("10.0.0.0/8", "2001:db8::/32")).toEqual(["2001:db8::7", "10.8.0.2"]);
    expect(allowed("192.0.2.7")).toEqual(["192.0.2.7"]);
  });

  it("forbid what they name behind an exclamation mark, whatever else allows it", () => {
    expect(allowed("!docker*", "!lo")).toEqual(["192.0.2.7", "2001:db8::7", "10.8.0.2"]);
    expect(allowed("eth0", "!2001:db8::/32")).toEqual(["192.0.2.7"]);
  });

  it.each(["", "!", "eth0/24", "10.0.0.0/33", "::/129", "a b", "x".repeat(33), "10.0.0.0/8/8", "10.0.0.0/"])(
    "refuse %j",
    (rule) => {
      expect(() => new InterfaceFilter([rule])).toThrow(ParleyError);
    },
  );

  it("are at most 64", () => {
    const rules = Array.from({ length: 65 }, (_, index) => `eth${index}`);
    expect(() => new InterfaceFilter(rules.slice(1))).not.toThrow();
    expect(() => new InterfaceFilter(rules)).toThrow(ParleyError);
  });
});

describe("what a link may use", () => {
  const judge = (rules: readonly string[], sources: readonly string[] = routed, boundTo?: string) =>
    new InterfaceFilter(rules).judge(machine, sources, boundTo);

  it("is bound to, when it is one address", () => {
    expect(judge(["tun0"]).bindAddress).toBe("10.8.0.2");
    expect(judge(["eth0"]).bindAddress).toBeUndefined();
    expect(judge(["eth0"], routed, "192.0.2.7").bindAddress).toBe("192.0.2.7");
  });

  it("is nothing when no interface is left, or the address to bind to is forbidden", () => {
    expect(judge(["wlan0"]).isUsable).toBe(false);
    expect(judge(["!tun0"], routed, "10.8.0.2").isUsable).toBe(false);
    expect(judge(["eth0"]).isUsable).toBe(true);
  });

  it("reaches neighbours and what the allowed default route leads to, and nothing through forbidden ones", () => {
    const verdict = judge(["!docker0", "!tun0"]);
    expect(["192.0.2.99", "198.51.100.1", "172.17.0.9", "10.8.0.9"].map((each) => verdict.allowsRemote(each))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(verdict.allowsRemote("printer.local")).toBe(false);
  });

  it("reaches neighbours only, while the default route is forbidden", () => {
    const verdict = judge(["!eth0", "!lo"]);
    expect([verdict.allowsRouted(), verdict.allowsRemote("198.51.100.1"), verdict.allowsRemote("10.8.0.9")]).toEqual([
      false,
      false,
      true,
    ]);
  });
});

describe("the gate for candidates", () => {
  const gate = new CandidateGate(new InterfaceFilter(["!docker0", "!tun0"]).judge(machine, routed));
  const candidate = (address: string, type: string) => `candidate:1 1 UDP 1 ${address} 4000 typ ${type}`;

  it("lets nothing out that names a forbidden interface", () => {
    expect(gate.passesOwn(candidate("192.0.2.7", "host"))).toBe(true);
    expect(gate.passesOwn(candidate("10.8.0.2", "host"))).toBe(false);
    expect(gate.passesOwn(candidate("172.17.0.1", "host"))).toBe(false);
    expect(gate.passesOwn(candidate("203.0.113.9", "srflx"))).toBe(true);
  });

  it("lets nothing in that a forbidden interface would lead to, also inside a description", () => {
    expect(gate.passesFar(candidate("10.8.0.9", "host"))).toBe(false);
    const lines = ["v=0", `a=${candidate("10.8.0.9", "host")}`, `a=${candidate("198.51.100.1", "srflx")}`, ""];
    expect(gate.farDescription(lines.join("\r\n"))).toBe(lines.filter((_, index) => index !== 1).join("\r\n"));
  });

  it("takes the servers away while the way to them is forbidden", () => {
    const options = { iceServers: [{ urls: ["stun:192.0.2.1"] }], maxMessageBytes: 1 };
    expect(gate.within(options).iceServers).toHaveLength(1);
    const shut = new CandidateGate(new InterfaceFilter(["!eth0"]).judge(machine, routed));
    expect(shut.within(options).iceServers).toEqual([]);
    expect(new CandidateGate(undefined).within(options)).toBe(options);
  });
});
