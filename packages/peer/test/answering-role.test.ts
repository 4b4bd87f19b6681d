import { expect, it } from "vitest";

import { AnsweringRole } from "../src/answering-role.ts";

it("leaves DTLS to the offerer until it is told otherwise", () => {
  const role = new AnsweringRole();
  expect(role.isClient).toBe(false);
  role.expectOpen(true);
  expect(role.isClient).toBe(true);
});

it("learns from a link that stalled, at the bound and above, in either role", () => {
  const role = new AnsweringRole();
  role.onOpened(false, 699);
  expect(role.isClient).toBe(false);
  role.onOpened(false, 700);
  expect(role.isClient).toBe(true);
  role.onOpened(true, 699);
  expect(role.isClient).toBe(true);
  role.onOpened(true, 1100);
  expect(role.isClient).toBe(false);
});
