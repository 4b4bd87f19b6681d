import { once } from "node:events";

import { expect, it } from "vitest";

import { childEnvironment, startChild } from "../../src/node/index.ts";

const secrets = {
  PARLEY_PASSPHRASE: "secret",
  PARLEY_HOME: "/home/ada/.parley",
  NODE_OPTIONS: "--inspect",
  TOKEN: "t",
};

it("has what programs need and what is named, and nothing else", () => {
  const from = { PATH: "/bin", HOME: "/home/ada", LANG: "C.UTF-8", TZ: "UTC", TMPDIR: "/tmp", ...secrets };
  expect(childEnvironment({ GREETING: "hello", TZ: "CET", MISSING: undefined }, from)).toEqual({
    PATH: "/bin",
    HOME: "/home/ada",
    LANG: "C.UTF-8",
    TZ: "CET",
    TMPDIR: "/tmp",
    GREETING: "hello",
  });
});

it("is what a child really gets", async () => {
  Object.assign(process.env, { PARLEY_TEST_SECRET: "secret" });
  const print = "process.stdout.write(JSON.stringify(Object.keys(process.env)))";
  const child = startChild(process.execPath, ["-e", print], {
    environment: { GREETING: "hello; $(id)" },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let text = "";
  child.stdout?.on("data", (part: Buffer) => (text += part.toString()));
  await once(child, "close");
  delete process.env["PARLEY_TEST_SECRET"];
  const names = JSON.parse(text) as string[];
  expect(names).toContain("GREETING");
  expect(names.filter((name) => name.startsWith("PARLEY_") || name.startsWith("VITEST"))).toEqual([]);
});
