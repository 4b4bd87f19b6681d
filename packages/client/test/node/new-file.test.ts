import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, it } from "vitest";

import { createPrivateFile } from "../../src/node/index.ts";
import { temporaryFolder } from "./temporary-folder.ts";

it("is for its owner alone, whatever the mask of the process says", async () => {
  const before = process.umask(0);
  const path = join(temporaryFolder(), "export");
  await (await createPrivateFile(path)).close();
  process.umask(before);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it("is never made over another file, nor through a link that leads to one or to nothing", async () => {
  const folder = temporaryFolder();
  const [victim, link, dangling] = ["victim", "link", "dangling"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(victim, "precious");
  symlinkSync(victim, link);
  symlinkSync(join(folder, "nothing"), dangling);
  for (const path of [victim, link, dangling])
    await expect(createPrivateFile(path)).rejects.toMatchObject({ code: "already_exists" });
  expect([readFileSync(victim, "utf8"), existsSync(join(folder, "nothing"))]).toEqual(["precious", false]);
});
