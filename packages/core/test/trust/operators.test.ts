import { sha256, verifyByOperator, verifyOperators } from "@parley/core";
import { limits } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { coded } from "./coded.ts";
import { FixedMesh, Person } from "./fixed-mesh.ts";

const mesh = await FixedMesh.create();
const [second, stranger] = [await Person.create(), await Person.create()];

describe("a chain of operator sets", () => {
  it("starts with the genesis, whose hash is the mesh", async () => {
    const set = await verifyOperators([mesh.genesis]);
    expect(set).toMatchObject({ mesh: mesh.mesh, number: 1, hash: mesh.mesh });
    expect([...set.keys.keys()]).toEqual([mesh.operator.member]);
  });

  it("goes on with sets signed by an operator of the one before", async () => {
    const two = await mesh.operators(mesh.genesis, [mesh.operator, second]);
    const three = await mesh.operators(two, [second], { number: 3 }, second.root);
    const set = await verifyOperators([mesh.genesis, two, three]);
    expect(set).toMatchObject({ mesh: mesh.mesh, number: 3, hash: await sha256(three) });
    expect([...set.keys.keys()]).toEqual([second.member]);
  });

  it("refuses one who is no operator any more", async () => {
    const two = await mesh.operators(mesh.genesis, [second]);
    const three = await mesh.operators(two, [mesh.operator], { number: 3 });
    expect(await coded(verifyOperators([mesh.genesis, two, three]))).toBe("bad_signature");
  });

  it.each([
    ["a gap in the numbers", { number: 3 }, "stale_statement"],
    ["a number again", { number: 1 }, "stale_statement"],
    ["another set before it", { previous: stranger.member }, "stale_statement"],
    ["another mesh", { mesh: stranger.member }, "wrong_mesh"],
  ] as const)("refuses %s", async (_what, change, code) => {
    expect(await coded(verifyOperators([mesh.genesis, await mesh.operators(mesh.genesis, [second], change)]))).toBe(
      code,
    );
  });

  it("refuses a stranger's set, a set that names somebody twice, and a genesis of another", async () => {
    const foreign = await mesh.operators(mesh.genesis, [stranger], {}, stranger.root);
    expect(await coded(verifyOperators([mesh.genesis, foreign]))).toBe("bad_signature");
    const doubled = await mesh.operators(mesh.genesis, [second, second]);
    expect(await coded(verifyOperators([mesh.genesis, doubled]))).toBe("bad_signature");
    const other = await FixedMesh.create();
    expect(await coded(verifyOperators([other.genesis, await mesh.operators(mesh.genesis, [second])]))).toBe(
      "bad_signature",
    );
    expect(await coded(verifyOperators([foreign]))).toBe("bad_signature");
  });

  it("refuses an empty one and one above the limit before it verifies anything", async () => {
    expect(await coded(verifyOperators([]))).toBe("bad_signature");
    expect(await coded(verifyOperators(Array(limits.operatorChain + 1).fill(mesh.genesis)))).toBe("bad_signature");
  });

  it("is followed up to the limit", async () => {
    const chain = [mesh.genesis];
    while (chain.length < limits.operatorChain)
      chain.push(await mesh.operators(chain.at(-1) ?? "", [mesh.operator], { number: chain.length + 1 }));
    expect((await verifyOperators(chain)).number).toBe(limits.operatorChain);
  });
});

describe("an operator's statement", () => {
  it("holds when a current operator signed it for this mesh", async () => {
    const set = await verifyOperators([mesh.genesis]);
    const admission = await mesh.admission(second.member);
    expect(await verifyByOperator("admission", admission, set)).toMatchObject({
      name: "alice",
      signer: mesh.operator.member,
    });
    expect(
      await coded(verifyByOperator("admission", await mesh.admission(second.member, {}, stranger.root), set)),
    ).toBe("bad_signature");
    expect(
      await coded(verifyByOperator("admission", await mesh.admission(second.member, { mesh: stranger.member }), set)),
    ).toBe("wrong_mesh");
    expect(await coded(verifyByOperator("revocations", admission, set))).toBe("bad_signature");
  });

  it("does not hold under an operator's name with a stranger's signature", async () => {
    const set = await verifyOperators([mesh.genesis]);
    const forged = await mesh.admission(second.member, {}, { ...stranger.root, id: mesh.operator.member });
    expect(await coded(verifyByOperator("admission", forged, set))).toBe("bad_signature");
  });
});
