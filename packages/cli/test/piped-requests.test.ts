import { expect, it } from "vitest";

import { PipedRequests } from "../src/sidecar/piped-requests.ts";

const ask = (id: number, op: string): string => JSON.stringify({ id, op, body: {} });

it("is done when its input has ended and everything is answered", () => {
  const requests = new PipedRequests();
  requests.onLine(ask(1, "status"));
  requests.onLine(ask(2, "list_peers"));
  expect([requests.end(), requests.isDone]).toEqual([[], false]);
  requests.onAnswer('{"re":2,"n":1,"event":{}}');
  requests.onAnswer('{"re":2,"body":{}}');
  expect(requests.isDone).toBe(false);
  requests.onAnswer('{"re":1,"error":{"code":"internal","message":""}}');
  expect([requests.isDone, requests.isRefused]).toEqual([true, false]);
});

it("goes on as long as its input does, whatever is answered", () => {
  const requests = new PipedRequests();
  requests.onLine(ask(1, "status"));
  requests.onAnswer('{"re":1,"body":{}}');
  expect([requests.waiting, requests.isDone]).toEqual([0, false]);
});

it("ends what cannot go on with nobody who writes, and waits for its answers", () => {
  const requests = new PipedRequests();
  for (const [index, op] of ["serve", "subscribe", "messages", "watch"].entries()) requests.onLine(ask(index + 1, op));
  expect(requests.end()).toEqual(['{"cancel":1}', '{"cancel":2}', '{"cancel":3}']);
  expect(requests.isDone).toBe(false);
});

it("sees that the connection was refused, and takes lines of any form", () => {
  const requests = new PipedRequests();
  for (const line of ["", "hello", "[]", "null", "7", '{"cancel":1}', '{"id":"1","op":"status"}']) {
    requests.onLine(line);
    requests.onAnswer(line);
  }
  expect([requests.waiting, requests.isRefused]).toEqual([0, false]);
  requests.onAnswer('{"error":{"code":"unauthenticated","message":""}}');
  expect(requests.isRefused).toBe(true);
});
