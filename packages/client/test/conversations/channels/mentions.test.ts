import { limits } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { callsIn, type Crowd, mentionsOf } from "../../../src/conversations/channels/mentions.ts";
import type { MemberView } from "../../../src/member-view.ts";

const view = (member: string, live: boolean, load: number): MemberView =>
  ({ member, live, devices: [{ state: "connected", load }] }) as unknown as MemberView;

const crowd: Crowd = {
  byName: async (name) => (name === "nobody" ? undefined : `id of ${name}`),
  withRole: async (role) =>
    role === "none" ? [] : [view("away", false, 0), view("busy", true, 0.9), view("free", true, 0.1)],
};

describe("calls in a text", () => {
  it("are names, roles and all of a role, each once, without the end of the sentence", () => {
    expect(callsIn("@Ada, @ben. (@all:ops) @role:review: @ada @cy-3_x.y!")).toEqual([
      { type: "name", name: "ada" },
      { type: "name", name: "ben" },
      { type: "all", role: "ops" },
      { type: "role", role: "review" },
      { type: "name", name: "cy-3_x.y" },
    ]);
  });

  it("are no addresses, no bare signs and no names that cannot be", () => {
    expect(callsIn(`mail a@b.org, @ x, @@twice, @-x, a/@b, @${"n".repeat(33)}`)).toEqual([]);
  });

  it("are as many as one message may have", () => {
    const many = Array.from({ length: limits.mentions + 1 }, (_, index) => `@n${index}`).join(" ");
    expect(callsIn(many)).toHaveLength(limits.mentions);
  });
});

describe("mentions of a text", () => {
  it("name one member for a role: the least loaded that is there", async () => {
    expect(await mentionsOf("@role:review please", [], crowd)).toEqual([{ member: "free", role: "review" }]);
    expect(await mentionsOf("@role:none please", [], crowd)).toEqual([]);
  });

  it("come after those that are given, and call nobody twice", async () => {
    const given = [{ member: "id of ada" }, { all: "ops" }];
    expect(await mentionsOf("@ada @ben @nobody @all:ops", given, crowd)).toEqual([...given, { member: "id of ben" }]);
  });
});
