/** Names that a reader could take for somebody else's. */
import { foldName } from "@parley/protocol";

/** Letters of other scripts that look like Latin ones (Unicode TR39), the ones that are met. */
const latin: ReadonlyMap<string, string> = new Map(
  Object.entries({
    а: "a",
    ɑ: "a",
    ɡ: "g",
    օ: "o",
    ո: "n",
    ս: "u",
    ց: "g",
    ӏ: "l",
    ԛ: "q",
    α: "a",
    в: "b",
    с: "c",
    ԁ: "d",
    е: "e",
    ё: "e",
    һ: "h",
    і: "i",
    ı: "i",
    ι: "i",
    ј: "j",
    к: "k",
    κ: "k",
    м: "m",
    о: "o",
    ο: "o",
    р: "p",
    ρ: "p",
    ѕ: "s",
    т: "t",
    τ: "t",
    υ: "u",
    ν: "v",
    ѵ: "v",
    ԝ: "w",
    х: "x",
    χ: "x",
    у: "y",
    γ: "y",
  }),
);

/** Names with the same key look alike. */
export function lookKey(name: string): string {
  const bare = name
    .normalize("NFKD")
    .replaceAll(/[\p{M}\p{Cf}\s\u2800]/gu, "")
    .toLowerCase();
  return foldName(Array.from(bare, (character) => latin.get(character) ?? character).join(""));
}

/** Who goes by which name here, so that a second one who looks the same is noticed. */
export class NameWatch {
  readonly #holders = new Map<string, { readonly who: string; readonly name: string }>();

  /** The first one to hold a name keeps it. */
  constructor(holders: Iterable<{ readonly member: string; readonly name: string }>) {
    for (const { member, name } of holders) {
      const key = lookKey(name);
      if (!this.#holders.has(key)) this.#holders.set(key, { who: member, name });
    }
  }

  /** The name of somebody else that this one could be taken for. */
  takenFor(who: string, name: string): string | undefined {
    const holder = this.#holders.get(lookKey(name));
    return holder === undefined || holder.who === who ? undefined : holder.name;
  }
}
