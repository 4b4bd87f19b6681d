import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, expect, it, vi } from "vitest";

import { type CliMesh, shareMesh } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, start } from "./cli-process.ts";

// Each of these is a number of processes, one after the other.
vi.setConfig({ testTimeout: 120_000 });

let mesh: CliMesh;
beforeAll(() => shareMesh((shared) => (mesh = shared)));

const at = (name: string): string[] => ["--home", mesh.home(name), "--json"];

interface View {
  readonly agreement: string;
  readonly state: string;
  readonly mayDo: readonly string[];
  readonly evidence: readonly { readonly digest: string; readonly label: string }[];
}

const act = async (name: string, ...args: readonly string[]): Promise<View> =>
  jsonOf<View>(await parley(["agreement", ...args, ...at(name)]));

it("two people agree, deliver, pay, export and verify, beside a running process and without one", async () => {
  await mesh.join("bella", ["--kind", "person"]);
  await mesh.join("carl", ["--kind", "person"]);
  // Bella's device is held by a process that watches; her commands go by its socket.
  const watching = start(["agreement", "watch", ...at("bella")]);
  const task = "Translate 20 pages";
  // What somebody unknown proposes waits until it is accepted as a contact.
  const { agreement } = await act("carl", "propose", "@bella", task, "--price", "40.00 EUR", "--deadline", "3d");
  await vi.waitFor(async () => jsonOf(await parley(["contact", "accept", "@carl", ...at("bella")])), 20_000);
  expect(await watching.json()).toMatchObject({
    type: "agreement.propose",
    agreement: { agreement, terms: { task, price: { amount: "40", currency: "EUR" } } },
  });
  expect(await act("bella", "counter", agreement, "--price", "45 EUR")).toMatchObject({ state: "proposed" });
  expect(await act("carl", "accept", agreement.slice(0, 8))).toMatchObject({ state: "accepted" });
  const pages = join(mesh.folder, "pages.txt");
  writeFileSync(pages, "twenty pages");
  const delivered = await act("bella", "deliver", agreement, "--evidence", pages, "--note", "by message");
  expect(delivered.evidence).toMatchObject([{ label: "pages.txt" }]);
  expect(errorOf(await parley(["agreement", "withdraw", agreement, ...at("carl")]))).toMatchObject({
    code: "act_not_allowed",
  });
  await act("carl", "accept-work", agreement, "--payment", "transfer 99");
  const { agreements } = jsonOf<{ agreements: View[] }>(
    await parley(["agreement", "list", "--state", "completed", ...at("carl")]),
  );
  expect(agreements).toMatchObject([{ agreement, state: "completed" }]);

  const file = join(mesh.folder, "pages.agreement");
  const exported = jsonOf<{ mesh: string }>(await parley(["agreement", "export", agreement, file, ...at("carl")]));
  // Nobody's home, and no registry: the file and the mesh's id are all that is needed.
  const nobody = ["--home", mesh.home("nobody"), "--json"];
  const verified = jsonOf(await parley(["agreement", "verify", file, "--mesh", exported.mesh, ...nobody]));
  expect(verified).toMatchObject({ holds: true, state: "completed", isKnownMesh: true });
  expect(jsonOf(await parley(["agreement", "verify", file, ...nobody]))).toMatchObject({ isKnownMesh: false });
  const text = readFileSync(file, "utf8");
  const forged = join(mesh.folder, "forged.agreement");
  const middle = Math.floor(text.length / 2);
  writeFileSync(forged, `${text.slice(0, middle)}${text[middle] === "A" ? "B" : "A"}${text.slice(middle + 1)}`);
  const refused = await parley(["agreement", "verify", forged, ...at("carl")]);
  expect([refused.code, errorOf(refused)]).toMatchObject([4, { code: "timeline_broken" }]);
  const { counts } = jsonOf<{ counts: object[] }>(await parley(["agreement", "counts", file, ...nobody]));
  expect(counts).toHaveLength(2);
  expect(counts).toContainEqual(
    expect.objectContaining({ name: "bella", worker: expect.objectContaining({ accepted: 1, completed: 1 }) }),
  );
});

it("an offer is open until one takes it, and a resolution needs a side", async () => {
  await mesh.join("dora", ["--kind", "person"]);
  const offer = ["agreement", "offer", "Read the corpus", "--price", "5 credits"];
  expect(errorOf(await parley([...offer, ...at("dora")]))).toMatchObject({ code: "invalid_argument" });
  const { agreement } = jsonOf<View>(await parley([...offer, "--skill", "search", "--for", "2h", ...at("dora")]));
  const { offers } = jsonOf<{ offers: object[] }>(await parley(["agreement", "offers", ...at("carl")]));
  expect(offers).toMatchObject([{ agreement, name: "dora", skill: "search" }]);
  // Carl is no agent with that skill.
  expect(errorOf(await parley(["agreement", "take", agreement, ...at("carl")]))).toMatchObject({ code: "forbidden" });
  expect(await act("dora", "withdraw", agreement)).toMatchObject({ state: "withdrawn" });
  expect(jsonOf(await parley(["agreement", "offers", ...at("carl")]))).toEqual({ offers: [] });
  expect(errorOf(await parley(["agreement", "resolve", agreement, ...at("dora")]))).toMatchObject({
    code: "invalid_argument",
  });
});
