import { toParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { checkHost, checkOrigin, type HostRules } from "../src/host-check.ts";

const rules: HostRules = {
  origin: "https://mesh.example.org",
  host: "0.0.0.0",
  isSecure: false,
  allowedOrigins: ["https://hub.example"],
};

/** The code that the check throws. */
function codeOf(check: () => void): string {
  try {
    check();
    return "passes";
  } catch (error) {
    return toParleyError(error).code;
  }
}

describe("the Host of a request", () => {
  it.each([
    "127.0.0.1:8080",
    "[::1]:8080",
    "10.1.2.3",
    "localhost",
    "LOCALHOST:9",
    "mesh.example.org",
    "mesh.example.org:443",
  ])("may be %s", (host) => {
    expect(codeOf(() => checkHost(host, rules))).toBe("passes");
  });

  it.each([
    undefined,
    "",
    "evil.example",
    "mesh.example.org.evil.example",
    "localhost.evil.example",
    "a b",
    "127.0.0.1.evil.example",
  ])("may not be %s", (host) => {
    expect(codeOf(() => checkHost(host, rules))).toBe("forbidden");
  });
});

describe("the Origin of a request", () => {
  const check = (origin: string | undefined): string => codeOf(() => checkOrigin(origin, "127.0.0.1:8080", rules));

  it.each([undefined, "https://mesh.example.org", "https://hub.example", "http://127.0.0.1:8080"])(
    "may be %s",
    (origin) => {
      expect(check(origin)).toBe("passes");
    },
  );

  it.each(["https://evil.example", "null", "https://127.0.0.1:8080", ""])("may not be %s", (origin) => {
    expect(check(origin)).toBe("forbidden");
  });
});
