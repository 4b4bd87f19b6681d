import { describe, expect, it } from "vitest";

import { type PathFacts, reasonOf } from "../src/path-reason.ts";

const facts: PathFacts = {
  link: undefined,
  policy: "all",
  ownLinks: true,
  peerLinks: true,
  opening: false,
  lastFailure: undefined,
  connected: true,
};

describe("the reason of a path", () => {
  it.each([
    ["an open direct link", { link: "direct" }, undefined, "direct-link"],
    ["an open link through TURN", { link: "turn" }, undefined, "turn-no-direct-pair"],
    ["a policy that allows TURN only", { link: "turn", policy: "relay" }, undefined, "turn-by-policy"],
    ["a link that is being set up", { opening: true }, undefined, "link-opening"],
    ["no attempt so far", {}, undefined, "link-not-tried"],
    ["a link that went when it was idle", { lastFailure: "idle" }, undefined, "link-not-tried"],
    ["an attempt that failed", { lastFailure: "ice-failed" }, undefined, "link-failed:ice-failed"],
    ["a rule without links", { opening: true }, ["relay", "mailbox"], "links-forbidden"],
    ["a rule without links, beside an open one", { link: "direct" }, ["relay"], "links-forbidden"],
    ["a rule without the path of the open link", { link: "turn" }, ["direct", "relay"], "path-forbidden"],
    ["no links here", { ownLinks: false }, undefined, "own-links-off"],
    ["no links there", { peerLinks: false, lastFailure: "no-links" }, undefined, "peer-links-off"],
    ["a recipient that is away", { connected: false, lastFailure: "timeout" }, undefined, "not-connected"],
    ["a link that outlives the session", { connected: false, link: "direct" }, undefined, "direct-link"],
    ["an inbox that nobody holds", { inboxHeld: false }, undefined, "no-inbox-holder"],
  ] as const)("names %s", (_, change, paths, reason) => {
    expect(reasonOf({ ...facts, ...change }, paths)).toBe(reason);
  });
});
