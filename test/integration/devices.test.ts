import { afterEach, expect, test } from "vitest";

import { TestMesh } from "../../packages/testkit/src/mesh/test-mesh.ts";

let mesh: TestMesh;
afterEach(async () => mesh.stop());

test("a second device of a person is let in by a link and both read what is sent to the member", async () => {
  mesh = await TestMesh.start();
  const ada = await mesh.join("ada", { kind: "person" });
  const phone = await mesh.addDevice(ada, { label: "phone" });
  const bob = await mesh.join("bob");
  expect(phone.device.member).toBe(ada.device.member);
  expect(phone.device.device).not.toBe(ada.device.device);
  expect(phone.identity.root).toBeUndefined();
  expect(phone.device.name).toBe("ada");
  const got = Promise.all(
    [ada, phone].map(({ device }) => new Promise<string>((resolve) => device.onMessage(({ text }) => resolve(text)))),
  );
  await bob.device.send("@ada", "hello both");
  expect(await got).toEqual(["hello both", "hello both"]);
});
