import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, start } from "./cli-process.ts";

interface Heard {
  readonly id: string;
  readonly text: string;
  readonly attachments: readonly { readonly id: string; readonly name: string; readonly size: number }[];
}

let mesh: CliMesh;
/** What bob got in the first test. */
let heard: Heard;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];

function folder(name: string): string {
  const path = join(mesh.folder, name);
  mkdirSync(path, { recursive: true });
  return path;
}

it("sends files to one who is away, who lists and fetches them later", async () => {
  await mesh.join("bob");
  const [mine, theirs] = [folder("mine"), folder("theirs")];
  const report = randomBytes(1_500_000);
  writeFileSync(join(mine, "report.pdf"), report);
  writeFileSync(join(mine, "notes.txt"), "notes");
  const sent = await parley(
    ["send", "@bob", "the report", "--attach", "report.pdf", "--attach", "notes.txt", "--timeout", "3s", ...at("ada")],
    { cwd: mine },
  );
  expect(JSON.parse(sent.stdout)).toMatchObject({ state: "stored" });
  heard = jsonOf<Heard>(await parley(["listen", "--max", "1", "--timeout", "20s", ...at("bob")]));
  expect(heard).toMatchObject({
    text: "the report",
    attachments: [
      { name: "report.pdf", type: "application/pdf", size: 1_500_000 },
      { name: "notes.txt", type: "text/plain", size: 5 },
    ],
  });
  expect(JSON.stringify(heard)).not.toMatch(/"key"|"parts"/);
  const got = await parley(["attachment", "get", heard.id, ...at("bob")], { cwd: theirs });
  expect(
    got.stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { path: string }).path),
  ).toEqual([join(theirs, "report.pdf"), join(theirs, "notes.txt")]);
  expect(readFileSync(join(theirs, "report.pdf")).equals(report)).toBe(true);
});

it("overwrites nothing, and takes one attachment by its id or name", async () => {
  const theirs = folder("theirs");
  const again = await parley(["attachment", "get", heard.id, "notes.txt", ...at("bob")], { cwd: theirs });
  expect([again.code, errorOf(again).code]).toEqual([1, "already_exists"]);
  const [, notes] = heard.attachments;
  const renamed = await parley(["attachment", "get", heard.id, notes?.id ?? "", "--out", "n.txt", ...at("bob")], {
    cwd: theirs,
  });
  expect(renamed.code).toBe(0);
  expect(readdirSync(theirs).toSorted()).toEqual(["n.txt", "notes.txt", "report.pdf"]);
  const unknown = await parley(["attachment", "get", heard.id, "other.txt", ...at("bob")], { cwd: theirs });
  expect(errorOf(unknown)).toMatchObject({ code: "not_found", message: expect.stringContaining("report.pdf") });
});

it("transfers through the process that holds the device", async () => {
  await mesh.join("cleo");
  const here = folder("cleo-files");
  writeFileSync(join(here, "a.txt"), "from ada");
  writeFileSync(join(here, "c.txt"), "from cleo");
  const listener = start(["listen", ...at("cleo")]);
  expect(
    jsonOf(await parley(["send", "@cleo", "one", "--attach", "a.txt", ...at("ada")], { cwd: here })),
  ).toMatchObject({
    state: "delivered",
  });
  const heard = await listener.json<Heard>();
  const got = await parley(["attachment", "get", heard.id, "--out", "got.txt", ...at("cleo")], { cwd: here });
  expect([got.code, got.stderr]).toEqual([0, ""]);
  expect(readFileSync(join(here, "got.txt"), "utf8")).toBe("from ada");
  const back = parley(["send", "@ada", "two", "--attach", "c.txt", "--no-wait", ...at("cleo")], { cwd: here });
  expect((await back).code).toBe(0);
  const text = await parley(["listen", "--max", "1", "--timeout", "20s", "--home", mesh.home("ada")]);
  expect(text.stdout).toMatch(
    /attached: c\.txt {2}9 bytes {2}text\/plain {2}id [\w-]{8}\n {2}parley attachment get \S+\n/,
  );
  await listener.stop();
});

it("says what is wrong with a file before anything is sent", async () => {
  await mesh.join("dan");
  const here = folder("dan-files");
  const send = (...args: string[]) => parley(["send", "@ada", "x", ...args, ...at("dan")], { cwd: here });
  expect(errorOf(await send("--attach", "missing.txt")).code).toBe("not_found");
  const many = Array.from({ length: 17 }, () => ["--attach", "x"]).flat();
  expect(errorOf(await send(...many)).code).toBe("invalid_argument");
});
