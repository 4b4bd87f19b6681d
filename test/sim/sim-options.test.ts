import { expect, it } from "vitest";

import { readSimOptions } from "./sim-options.ts";

const endless = Number.POSITIVE_INFINITY;

it.each([
  { args: [], seeds: 500, steps: endless },
  { args: ["--seeds", "7"], seeds: 7, steps: endless },
  { args: ["--steps", "100"], seeds: endless, steps: 100 },
  { args: ["--steps", "100", "--seeds", "7"], seeds: 7, steps: 100 },
])("runs as long as $args says", ({ args, seeds, steps }) => {
  expect(readSimOptions(args)).toMatchObject({ seed: undefined, first: 1, seeds, steps, workers: 2 });
});

it.each(["seed", "seeds", "first", "steps", "workers"])("takes whole numbers above 0 for --%s", (name) => {
  expect(readSimOptions([`--${name}`, "1"])).toMatchObject({ [name]: 1 });
  for (const wrong of ["0", "-1", "1.5", "many", ""])
    expect(() => readSimOptions([`--${name}=${wrong}`])).toThrow(`--${name} takes a whole number above 0`);
});

it("refuses what it does not know", () => {
  expect(() => readSimOptions(["--sedes", "1"])).toThrow("--sedes");
});
