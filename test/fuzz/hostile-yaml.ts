import type { SeededRandom } from "@parley/testkit";
import { stringify } from "yaml";

import { mutateBytes, mutateJson } from "./mutate.ts";

/** What YAML has and JSON has not: references, merges, tags, other quotes, several documents, deep nesting. */
function oddities(random: SeededRandom, planted: string): string {
  const depth = random.chance(0.02) ? random.below(3000) : random.below(60);
  return random.pick([
    `x: &x [${planted}, ${planted}]\ny: [*x, *x, *nowhere]\n`,
    `a: &a {b: *a}\n`,
    `<<: {rules: []}\n`,
    `__proto__: {x: ${planted}}\nconstructor: {prototype: {}}\n`,
    `? [complex, key]\n: ${planted}\n`,
    `note: !!binary "${planted}"\nother: !<tag:${planted}> x\n`,
    `note: !${planted} x\n`,
    `%YAML 1.3 ${planted}\n---\nname: x\n`,
    `note: "${planted}\\q \\ud800"\n`,
    `note: |2-\n ${planted}\n`,
    `---\nname: a\n...\n---\nname: ${planted}\n`,
    `note: '${planted}\n`,
    `note: @${planted}\n`,
    `note: \`${planted}\`\n`,
    `${"[".repeat(depth)}${planted}`,
    `${"{a: ".repeat(depth)}${planted}`,
    `${"- ".repeat(depth)}${planted}\n`,
    `name: *${planted}\n`,
    `note: "x" "${planted}"\n`,
    `note: ${planted}: ${planted}\n`,
    Array.from({ length: 12 }, (_, at) => `k${at}: &k${at} [${at === 0 ? "x" : `*k${at - 1}, *k${at - 1}`}]\n`).join(
      "",
    ),
  ]);
}

/** A value as people might have written it in YAML, more or less. */
export function hostileYaml(value: unknown, random: SeededRandom, planted: string): string {
  const text = stringify(random.chance(0.6) ? mutateJson(value, random) : value, {
    defaultKeyType: "PLAIN",
    ...(random.chance(0.3) ? { collectionStyle: "flow" } : {}),
  });
  const draw = random.fraction();
  if (draw < 0.5) return text;
  if (draw < 0.7)
    return random.chance(0.5) ? `${text}${oddities(random, planted)}` : `${oddities(random, planted)}${text}`;
  if (draw < 0.75) return oddities(random, planted);
  return new TextDecoder().decode(mutateBytes(new TextEncoder().encode(text), random));
}
