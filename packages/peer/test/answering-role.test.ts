import { expect, it } from "vitest";

import { AnsweringRole } from "../src/answering-role.ts";

it("leaves DTLS to the offerer until it is told otherwise", () => {
  const role = new AnsweringRole();
  expect(role.isClient).toBe(false);
  role.expectOpen(true);
  expect(role.isClient).toBe(true);
});

it.each([
  [799, false],
  [800, true],
  [1400, true],
  [1401, false],
])("takes two links in a row that opened after %d ms for stalled: %s", (afterMs, learns) => {
  const role = new AnsweringRole();
  role.onOpened(false, "direct", afterMs);
  role.onOpened(false, "direct", 100);
  role.onOpened(false, "direct", afterMs);
  expect(role.isClient).toBe(false);
  role.onOpened(false, "direct", afterMs);
  expect(role.isClient).toBe(learns);
});

it("takes it back when links go through TURN or stall again", () => {
  const role = new AnsweringRole();
  const learn = (): void => [1000, 1000].forEach((afterMs) => role.onOpened(false, "direct", afterMs));
  learn();
  role.onOpened(true, "direct", 100);
  expect(role.isClient).toBe(true);
  role.onOpened(true, "turn", 100);
  expect(role.isClient).toBe(false);
  learn();
  role.onOpened(true, "direct", 1000);
  role.onOpened(true, "direct", 1000);
  expect(role.isClient).toBe(false);
});

it("guesses nothing once it was told", () => {
  const role = new AnsweringRole();
  role.expectOpen(false);
  for (let link = 0; link < 5; link++) role.onOpened(false, "direct", 1000);
  expect(role.isClient).toBe(false);
});
