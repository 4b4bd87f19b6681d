import { expect, it } from "vitest";

import { RegistryToken } from "../../src/blobs/registry-token.ts";

const lifeMs = 300_000;

function tokens() {
  const node = { now: 1_000_000, asked: 0, fails: false };
  const token = new RegistryToken({
    now: () => node.now,
    ask: async () => {
      node.asked++;
      if (node.fails) throw new Error("no session");
      return { token: `token ${node.asked}`, expires: node.now + lifeMs };
    },
  });
  return { node, token };
}

it("asks once for all who want a token at the same time", async () => {
  const { node, token } = tokens();
  expect(await Promise.all([token.get(), token.get(), token.get()])).toEqual(["token 1", "token 1", "token 1"]);
  expect(await token.get()).toBe("token 1");
  expect(node.asked).toBe(1);
});

it("asks anew a minute ahead of the expiry", async () => {
  const { node, token } = tokens();
  await token.get();
  node.now += lifeMs - 60_001;
  expect(await token.get()).toBe("token 1");
  node.now += 1;
  expect(await token.get()).toBe("token 2");
});

it("asks anew for one that was not taken, and not for an older one that was replaced", async () => {
  const { token } = tokens();
  await token.get();
  token.drop("token 1");
  expect(await token.get()).toBe("token 2");
  token.drop("token 1");
  expect(await token.get()).toBe("token 2");
});

it("asks again after a failure", async () => {
  const { node, token } = tokens();
  node.fails = true;
  await expect(token.get()).rejects.toThrow("no session");
  node.fails = false;
  expect(await token.get()).toBe("token 2");
});
