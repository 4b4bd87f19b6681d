import { describe, expect, it } from "vitest";

import { readConversationFixtures } from "../fixtures/conversation-fixture.ts";

const fixtures = (["conversations", "prepared", "written", "loops"] as const).flatMap((folder) =>
  [...readConversationFixtures(folder)].map(([name, fixture]) => [`${folder}/${name}`, fixture] as const),
);

describe.each(fixtures)("the fixture %s", (_, { participants, messages }) => {
  it("goes forward in time, and everybody who takes part says something", () => {
    const times = messages.map(({ at }) => at);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
    expect(new Set(messages.map(({ from }) => from))).toEqual(new Set(participants.map(({ name }) => name)));
  });

  it("names no folder of a machine", () => {
    const paths = messages.filter(({ text }) => /(^|[\s"'`(])\/(home|tmp|root|Users|work)\b/.test(text));
    expect(paths).toEqual([]);
  });
});
