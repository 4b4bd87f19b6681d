import type { ArchivedMessage, MessageQuery } from "@parley/core";
import { describe, expect, it } from "vitest";

import { findMessage, isReferenceTo, messageIdOf, shortMessageId } from "../src/message-reference.ts";
import { said } from "./said.ts";

/** A device that remembers these, oldest first, two to a page. */
function remembering(...ids: readonly string[]) {
  const all = ids.map((id, index) => said({ id, sort: index + 1 }));
  const messages = async ({ before = Infinity }: MessageQuery) => {
    const older = all.filter(({ sort }) => sort < before);
    return { messages: older.slice(-2) as readonly ArchivedMessage[], more: older.length > 2 };
  };
  return { conversations: { messages } };
}

const post = "-_aB3dEfGhIjKlMnOpQrSt";

describe("a short name of a message", () => {
  it("begins with a letter or digit, and keeps the number of a direct message", () => {
    expect([shortMessageId(`${post}.17`), shortMessageId(post)]).toEqual(["aB3dEf.17", "aB3dEfGh"]);
  });

  it("stands for the ids that it is a part of", () => {
    expect(isReferenceTo("aB3.17", `${post}.17`)).toBe(true);
    expect(isReferenceTo("aB3.7", `${post}.17`)).toBe(false);
    expect(isReferenceTo("aB3dEfGh", post)).toBe(true);
    expect(isReferenceTo("aB3", post)).toBe(false);
    expect(isReferenceTo("aB3dEfGh", `${post}.17`)).toBe(false);
  });

  it("finds its message on any page", async () => {
    const device = remembering(`${post}.1`, "x".repeat(22), `${post}.3`, "y".repeat(22), "z".repeat(22));
    expect(await findMessage(device, "@ada", "aB3d.1")).toMatchObject({ sort: 1 });
    expect(await findMessage(device, "#general", "yyyy")).toMatchObject({ sort: 4 });
    expect(await messageIdOf(device, "@ada", "aB3d.3")).toBe(`${post}.3`);
  });

  it("is refused when nothing, or more than one, has it, and when it is none", async () => {
    const device = remembering("abcdefgh", "abcdefxy");
    await expect(findMessage(device, "#general", "nono")).rejects.toMatchObject({ code: "not_found" });
    await expect(findMessage(device, "#general", "abcdef")).rejects.toMatchObject({
      code: "invalid_argument",
      data: { candidates: ["abcdefgh", "abcdefxy"] },
    });
    expect(await findMessage(device, "#general", "abcdefgh")).toMatchObject({ sort: 1 });
    await expect(findMessage(device, "#general", "a b")).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it("is not looked for when it is whole", async () => {
    expect(await messageIdOf(remembering(), "#general", post)).toBe(post);
    expect(await messageIdOf(remembering(), "@ada", `${post}.17`)).toBe(`${post}.17`);
  });
});
