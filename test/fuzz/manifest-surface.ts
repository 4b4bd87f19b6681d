import { readManifest } from "@parley/agent";
import type { SeededRandom } from "@parley/testkit";

import { hostileYaml } from "./hostile-yaml.ts";
import { checkProblems } from "./policy-surface.ts";
import { BrokenInvariant, plantedText, type Surface } from "./surface.ts";

const textsPerCase = 50;

const whole = {
  name: "deployer",
  description: plantedText,
  version: "1.2.3",
  tags: ["ops"],
  registry: `http://127.0.0.1:8080/${plantedText}`,
  skills: { folder: "skills", disable: ["deploy"] },
  channels: ["#general"],
  env: ["OPENAI_API_KEY"],
  limits: { concurrentTasks: 4, taskSeconds: 60, drainSeconds: 5 },
  links: { policy: "all", bindAddress: "127.0.0.1", portRange: [40_000, 40_100] },
  guards: {
    hops: 4,
    perMinute: { sender: 100, channel: 100, total: 500 },
    loops: true,
    quietMinutes: 1,
    text: "neutral",
  },
  attention: "mentions",
  floor: true,
  redact: true,
} as const;

/** Mistakes that people make: a secret where its name belongs, keys with a letter too few, times with a unit. */
const mistaken = [
  { ...whole, env: { OPENAI_API_KEY: plantedText } },
  { ...whole, env: [plantedText, `OPENAI_API_KEY=${plantedText}`] },
  { ...whole, guard: whole.guards },
  { ...whole, guards: { ...whole.guards, quietMinutes: "1m", perMinute: 100 } },
  { ...whole, attention: plantedText, floor: "yes", redact: plantedText },
  { ...whole, registry: `https://ada:${plantedText}@mesh.example.org:x`, apiKey: plantedText },
  { name: "a" },
] as const;

function feed(random: SeededRandom): void {
  const read = readManifest(hostileYaml(random.chance(0.6) ? whole : random.pick(mistaken), random, plantedText));
  if (!read.ok) {
    if (read.problems.length === 0) throw new BrokenInvariant("a manifest is refused for no reason");
    return checkProblems(read.problems);
  }
  const again = readManifest(JSON.stringify(read.manifest));
  if (!again.ok || JSON.stringify(again.manifest) !== JSON.stringify(read.manifest))
    throw new BrokenInvariant("a manifest with its defaults filled in is another one");
}

/** `agent.yaml` as authors write it. */
export function openManifestSurface(): Surface {
  return {
    secrets: [plantedText],
    takeLog: () => [],
    run(random) {
      for (let count = 0; count < textsPerCase; count++) feed(random);
      return textsPerCase;
    },
    async probe() {
      const read = readManifest(JSON.stringify(whole));
      if (!read.ok) throw new BrokenInvariant(`a good manifest is refused: ${read.problems[0]?.message ?? ""}`);
    },
    close: () => Promise.resolve(),
  };
}
