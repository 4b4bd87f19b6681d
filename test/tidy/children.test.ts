import { expect, it } from "vitest";

import { filesMatching, importsOf, readText } from "./repository.ts";

const starter = "packages/client/src/node/child-process.ts";

it("starts other programs in one place, which gives them no secrets", () => {
  const starting = filesMatching("packages/*/src/**/*.ts").filter((path) =>
    /\b(spawn|spawnSync|exec|execFile|execSync|execFileSync|fork)\b[^;]*from\s*["'](node:)?child_process["']|process\.binding/.test(
      readText(path),
    ),
  );
  expect(starting).toEqual([starter]);
  const importing = filesMatching("packages/*/src/**/*.ts").filter((path) =>
    importsOf(readText(path).replaceAll(/^import type .*$/gm, "")).some((name) => /^(node:)?child_process$/.test(name)),
  );
  expect(importing).toEqual([starter]);
});

it("hands its environment to no worker", () => {
  const workers = filesMatching("packages/*/src/**/*.ts").filter((path) =>
    importsOf(readText(path)).some((name) => /^(node:)?(worker_threads|cluster)$/.test(name)),
  );
  expect(workers).toEqual([]);
});
