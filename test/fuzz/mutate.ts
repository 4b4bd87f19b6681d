import type { SeededRandom } from "@parley/testkit";

const interesting = [0, 1, 0x7f, 0x80, 0xff] as const;
const mostGrowth = 4096;

/** Bytes that are almost the given ones. */
export function mutateBytes(input: Uint8Array, random: SeededRandom): Uint8Array<ArrayBuffer> {
  let bytes = new Uint8Array(input);
  for (let steps = 1 + random.below(4); steps > 0; steps--) bytes = mutateOnce(bytes, random);
  return bytes;
}

function mutateOnce(bytes: Uint8Array<ArrayBuffer>, random: SeededRandom): Uint8Array<ArrayBuffer> {
  const at = random.below(bytes.length + 1);
  switch (random.below(7)) {
    case 0:
      return flip(bytes, at, 1 << random.below(8));
    case 1:
      return set(bytes, at, random.pick(interesting));
    case 2:
      return bytes.slice(0, at);
    case 3:
      return splice(bytes, at, 0, random.bytes(1 + random.below(16)));
    case 4:
      return splice(bytes, at, random.below(16), new Uint8Array());
    case 5:
      return splice(bytes, at, 0, bytes.slice(at, at + random.below(mostGrowth)));
    default:
      return splice(bytes, at, 8, new Uint8Array(8).fill(0xff));
  }
}

function flip(bytes: Uint8Array<ArrayBuffer>, at: number, bit: number): Uint8Array<ArrayBuffer> {
  if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ bit;
  return bytes;
}

function set(bytes: Uint8Array<ArrayBuffer>, at: number, value: number): Uint8Array<ArrayBuffer> {
  if (at < bytes.length) bytes[at] = value;
  return bytes;
}

function splice(bytes: Uint8Array, at: number, gone: number, added: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(at + added.length + Math.max(bytes.length - at - gone, 0));
  out.set(bytes.subarray(0, at));
  out.set(added, at);
  out.set(bytes.subarray(at + gone), at + added.length);
  return out;
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [field: string]: Json };

/** Values that tend to find what a check forgot. */
const oddValues: readonly Json[] = [
  null,
  true,
  -1,
  0,
  1.5,
  2 ** 53,
  1e308,
  "",
  "\u0000",
  "\ud800",
  "a".repeat(70_000),
  "__proto__",
  [],
  {},
  Array.from({ length: 200 }, () => null),
  { constructor: { prototype: {} } },
];

/** A value with one or two of its parts changed, dropped, doubled or moved. */
export function mutateJson(value: unknown, random: SeededRandom): unknown {
  if (random.chance(0.15) || typeof value !== "object" || value === null) return random.pick(oddValues);
  if (Array.isArray(value)) {
    const items: unknown[] = [...value];
    const at = random.below(items.length + 1);
    const draw = random.fraction();
    if (draw < 0.3) items.splice(at, 1);
    else if (draw < 0.5) items.push(...items);
    else if (at < items.length) items[at] = mutateJson(items[at], random);
    return items;
  }
  const fields = Object.entries(value as Readonly<Record<string, unknown>>);
  const chosen = fields[random.below(Math.max(fields.length, 1))];
  if (chosen === undefined || random.chance(0.1)) return { ...value, extra: random.pick(oddValues) };
  const [name, field] = chosen;
  if (random.chance(0.2)) return Object.fromEntries(fields.filter(([other]) => other !== name));
  return { ...value, [name]: mutateJson(field, random) };
}

/** A message as text: changed as a value, as characters, or buried in brackets. */
export function mutateText(message: unknown, random: SeededRandom): string {
  if (random.chance(0.6)) return JSON.stringify(mutateJson(message, random)) ?? "";
  const text = JSON.stringify(message) ?? "";
  if (random.chance(0.2)) return `${"[".repeat(random.below(5000))}${text}`;
  return new TextDecoder().decode(mutateBytes(new TextEncoder().encode(text), random));
}
