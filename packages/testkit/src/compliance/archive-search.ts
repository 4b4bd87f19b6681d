import type { Archive, SearchQuery } from "@parley/core";
import { maxWordCharacters, maxWords } from "@parley/core";
import { limits } from "@parley/protocol";
import { expect, it } from "vitest";

import { channel, mate, said, text } from "./archive-messages.ts";
import type { Bench } from "./subject.ts";

const found = async (archive: Archive, words: string, rest: Partial<SearchQuery> = {}): Promise<string> =>
  (await archive.search({ text: words, ...rest })).map(({ id }) => id).join(" ");

/** How an Archive finds what was said. */
export function describeArchiveSearch(bench: Bench<Archive>): void {
  it("finds words by their beginnings, all of them, whatever their case and accents", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([
      said("a", { content: text("Der Schlüssel liegt im CAFÉ, Straße 42b.") }),
      said("b", { content: text("Ένα ΜΗΝΥΜΑ για ΟΛΟΥΣ: naïve façade, ﬁnal x²") }),
      said("c", { content: text("im_Cafe2 отправил ещё раз — 東京タワー") }),
    ]);
    expect(await found(archive, "cafe")).toBe("c a");
    expect(await found(archive, "CAFÉ")).toBe("c a");
    expect(await found(archive, "schlussel 42")).toBe("a");
    expect(await found(archive, "42 im, lieg")).toBe("a");
    expect(await found(archive, "schlussel raz")).toBe("");
    expect(await found(archive, "ussel")).toBe("");
    expect(await found(archive, "stra\u00DFe")).toBe("a");
    expect(await found(archive, "μηνυμα ολους")).toBe("b");
    expect(await found(archive, "ΟΛΟΥΣ fi na fa x2")).toBe("b");
    expect(await found(archive, "ЕЩЕ")).toBe("c");
    expect(await found(archive, "東京")).toBe("c");
    expect(await found(archive, "cafe2")).toBe("c");
    for (const nothing of ["…", "  ", '"', "()*"]) expect(await found(archive, nothing)).toBe("");
    for (const plain of ['"im" AND "der"', "im OR der", "NOT im", "words:im"])
      expect(await found(archive, plain)).toBe("");
    for (const two of ["im-der", "im*der", '"im" (der)']) expect(await found(archive, two)).toBe("a");
  });

  it("gives what came last first, of one conversation or one author, and not more than asked for", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([
      said("a", { sort: 9 }),
      said("b", { sort: 3, author: "Other-id_1" }),
      said("c", { conversation: "#other", author: "other-id_1" }),
      said("d", { conversation: "@mate" }),
    ]);
    expect(await found(archive, "text")).toBe("d c b a");
    expect(await found(archive, "text", { limit: 2 })).toBe("d c");
    expect(await found(archive, "text", { conversation: channel })).toBe("b a");
    expect(await found(archive, "text", { author: mate })).toBe("d a");
    expect(await found(archive, "text", { author: "other-id_1" })).toBe("c");
    expect(await found(archive, "text", { conversation: channel, author: "Other-id_1", limit: 1 })).toBe("b");
    expect(await found(archive, "text", { conversation: "#none" })).toBe("");
    expect(await found(archive, "text", { author: "nobody" })).toBe("");
    const [first] = await archive.search({ text: "text" });
    expect(first).toEqual(await archive.message("@mate", "d"));
  });

  it("follows every change of a text", async () => {
    const { port: archive } = await bench.open();
    await archive.apply([
      said("a", { content: text("before") }),
      said("b", { content: { type: "encrypted", text: "before" }, unreadable: "no-group" }),
    ]);
    await archive.apply([{ type: "edit", conversation: channel, of: "a", by: mate, at: 2, text: "after" }]);
    expect([await found(archive, "before"), await found(archive, "after")]).toEqual(["", "a"]);
    await archive.apply([{ type: "opened", conversation: channel, id: "b", content: text("afterwards") }]);
    expect(await found(archive, "after")).toBe("b a");
    await archive.apply([{ type: "retract", conversation: channel, of: "a", by: mate, at: 3 }]);
    expect(await found(archive, "after")).toBe("b");
  });

  it("knows so many different words of a text, and so much of a word", async () => {
    const { port: archive } = await bench.open();
    const words = Array.from({ length: maxWords - 1 }, (_, index) => `w${index}`).join(" ");
    await archive.apply([said("a", { content: text(`${words} w1 at above`) })]);
    expect([await found(archive, "at w1"), await found(archive, "above")]).toEqual(["a", ""]);
    const long = "y".repeat(maxWordCharacters - 1);
    await archive.apply([said("b", { content: text(`${long}12`) }), said("c", { content: text(long) })]);
    expect(await found(archive, long)).toBe("c b");
    expect(await found(archive, `${long}1`)).toBe("b");
    expect(await found(archive, `${long}13`)).toBe("b");
    expect(await found(archive, "z".repeat(limits.queryCharacters))).toBe("");
  });
}
