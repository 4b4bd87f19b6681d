import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { CheckOrder } from "../src/check-order.ts";

const candidate = (type: string, port: number) => ({
  candidate: `candidate:1 1 UDP 1 192.0.2.7 ${port} typ ${type}`,
  mid: "0",
});
const send = vi.fn();
const add = vi.fn();

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.resetAllMocks();
});

it("keeps the offerer's host candidates until the answer is applied", () => {
  const order = new CheckOrder(true);
  expect([
    order.keepsOwn(candidate("host", 1)),
    order.keepsOwn(candidate("srflx", 2)),
    order.keepsOwn(candidate("relay", 3)),
  ]).toEqual([true, false, false]);
  order.onAnswer(send, add, true);
  expect(send.mock.calls).toEqual([[candidate("host", 1)]]);
  expect(order.keepsOwn(candidate("host", 4))).toBe(false);
});

it("gives the answerer 200 ms to check first", () => {
  const order = new CheckOrder(true);
  order.onAnswer(send, add, true);
  expect([order.keepsFar(candidate("host", 1)), order.keepsFar(candidate("srflx", 2))]).toEqual([true, false]);
  vi.advanceTimersByTime(199);
  expect(add).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(add.mock.calls).toEqual([[candidate("host", 1)]]);
  expect(order.keepsFar(candidate("host", 3))).toBe(false);
});

it("adds nothing once stopped", () => {
  const order = new CheckOrder(true);
  order.onAnswer(send, add, true);
  order.keepsFar(candidate("host", 1));
  order.stop();
  vi.runAllTimers();
  expect(add).not.toHaveBeenCalled();
});

it("keeps nothing on the answering side", () => {
  const order = new CheckOrder(false);
  expect([order.keepsOwn(candidate("host", 1)), order.keepsFar(candidate("host", 2))]).toEqual([false, false]);
});

it("gives the answerer no head start that starts DTLS itself", () => {
  const order = new CheckOrder(true);
  order.keepsFar(candidate("host", 1));
  order.onAnswer(send, add, false);
  vi.advanceTimersByTime(0);
  expect(add.mock.calls).toEqual([[candidate("host", 1)]]);
});

it("gives the offerer 400 ms to check first when the answering side starts DTLS", () => {
  const order = new CheckOrder(false);
  order.onAnswering(add);
  expect([order.keepsFar(candidate("host", 1)), order.keepsFar(candidate("srflx", 2))]).toEqual([true, true]);
  vi.advanceTimersByTime(399);
  expect(add).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(add.mock.calls).toEqual([[candidate("host", 1)], [candidate("srflx", 2)]]);
});
