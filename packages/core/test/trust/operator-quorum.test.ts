import {
  approveOperators,
  createSigner,
  effectiveRoles,
  operatorsDigest,
  sha256,
  signStatement,
  verifyOperators,
} from "@parley/core";
import type { ListedOperator, Statement } from "@parley/protocol";
import { beforeAll, describe, expect, it } from "vitest";

import { coded } from "./coded.ts";
import { dayMs, FixedMesh, now, Person } from "./fixed-mesh.ts";

const mesh = await FixedMesh.create();
const people = await Promise.all(Array.from({ length: 5 }, () => Person.create()));
const [second, third, fourth, fifth, stranger] = people as [Person, Person, Person, Person, Person];

const listed = (person: Person, admin = true): ListedOperator => ({
  member: person.member,
  key: person.root.publicKey,
  ...(admin ? { admin: true } : {}),
});

/** A chain that ends with a set of these operators, the founder among them or not. */
async function chainOf(...operators: readonly ListedOperator[]): Promise<string[]> {
  const chain = [mesh.genesis];
  for (const list of [[listed(mesh.operator), listed(second)], operators])
    chain.push(await mesh.operators(chain.at(-1) ?? "", [], { number: chain.length + 1, operators: [...list] }));
  return chain;
}

interface SetOptions {
  readonly signer?: Person;
  readonly approvals?: readonly string[];
  readonly change?: Partial<Statement<"operators">>;
}

async function next(
  chain: readonly string[],
  operators: readonly ListedOperator[],
  options: SetOptions = {},
): Promise<string[]> {
  const { signer = mesh.operator, approvals = [], change } = options;
  const set = await signStatement(
    "operators",
    {
      mesh: mesh.mesh,
      number: chain.length + 1,
      previous: await sha256(chain.at(-1) ?? ""),
      operators: [...operators],
      approvals: [...approvals],
      iat: now,
      ...change,
    },
    signer.root,
  );
  return [...chain, set];
}

/** An operator's word for the set that follows a chain. */
async function word(
  by: Person,
  chain: readonly string[],
  operators: readonly ListedOperator[],
  change: Partial<Statement<"approval">> = {},
): Promise<string> {
  const wanted = {
    mesh: mesh.mesh,
    number: chain.length + 1,
    previous: await sha256(chain.at(-1) ?? ""),
    operators: [...operators],
  };
  const digests = [await operatorsDigest(wanted)];
  const approval = {
    mesh: mesh.mesh,
    by: by.member,
    decision: "granted" as const,
    digests,
    iat: now,
    exp: now + dayMs,
  };
  return signStatement("approval", { ...approval, ...change }, by.root);
}

let three: string[];
const wanted = [listed(mesh.operator), listed(second), listed(third), listed(fourth)];
beforeAll(async () => {
  three = await chainOf(listed(mesh.operator), listed(second), listed(third, false));
});

const verdict = async (approvals: readonly string[], options: SetOptions = {}): Promise<string> =>
  coded(verifyOperators(await next(three, wanted, { approvals, ...options })));

describe("a set of three operators", () => {
  it("is changed by two of them, and by one alone it is not", async () => {
    expect(await verdict([])).toBe("needs_quorum");
    expect(await verdict([await word(second, three, wanted)])).toBe("none");
    expect(await verdict([await word(third, three, wanted)])).toBe("none");
  });

  it("counts each operator once, whatever it signs how often", async () => {
    const own = await word(mesh.operator, three, wanted);
    const again = await word(mesh.operator, three, wanted, { iat: now - 1 });
    expect(await verdict([own])).toBe("needs_quorum");
    expect(await verdict([own, again])).toBe("needs_quorum");
    const five = await next(
      await next(three, wanted, { approvals: [await word(second, three, wanted)] }),
      [...wanted, listed(fifth)],
      {
        approvals: await Promise.all(
          [second, third].map(async (by) =>
            word(by, await next(three, wanted, { approvals: [await word(second, three, wanted)] }), [
              ...wanted,
              listed(fifth),
            ]),
          ),
        ),
      },
    );
    const theirs = await word(second, five, wanted);
    const other = await word(second, five, wanted, { iat: now - 1 });
    expect(await coded(verifyOperators(await next(five, wanted, { approvals: [theirs, other] })))).toBe("needs_quorum");
    const third3 = await word(third, five, wanted);
    expect(await coded(verifyOperators(await next(five, wanted, { approvals: [theirs, third3] })))).toBe("none");
  });

  it.each([
    ["by somebody who is no operator", async () => word(stranger, three, wanted), "bad_signature"],
    ["by who would be one only by this very set", async () => word(fourth, three, wanted), "bad_signature"],
    ["in the name of another", async () => word(stranger, three, wanted, { by: second.member }), "bad_signature"],
    ["that says no", async () => word(second, three, wanted, { decision: "denied" }), "bad_signature"],
    ["of another list", async () => word(second, three, [listed(mesh.operator), listed(stranger)]), "bad_signature"],
    [
      "of the same list with another `admin`",
      async () => word(second, three, [...wanted.slice(0, 3), listed(fourth, false)]),
      "bad_signature",
    ],
    ["of the set before", async () => word(second, three.slice(0, 2), wanted), "bad_signature"],
    ["that had run out", async () => word(second, three, wanted, { iat: now - dayMs, exp: now }), "expired"],
    ["from the future", async () => word(second, three, wanted, { iat: now + dayMs, exp: now + 2 * dayMs }), "expired"],
    ["for another mesh", async () => word(second, three, wanted, { mesh: stranger.member }), "wrong_mesh"],
  ])("is not changed with a word %s", async (_what, approval, code) => {
    expect(await verdict([await approval()])).toBe(code);
  });

  it("is not changed by an operator without `admin`, however many agree", async () => {
    const approvals = [await word(mesh.operator, three, wanted), await word(second, three, wanted)];
    expect(await verdict(approvals, { signer: third })).toBe("bad_signature");
  });

  it("does not take a word of one who was taken out", async () => {
    const without = [listed(mesh.operator), listed(third), listed(fourth)];
    const chain = await next(three, without, { approvals: [await word(third, three, without)] });
    expect(await coded(verifyOperators(chain))).toBe("none");
    const approvals = [await word(second, chain, wanted)];
    expect(await coded(verifyOperators(await next(chain, wanted, { approvals })))).toBe("bad_signature");
  });

  it("keeps somebody who may change it", async () => {
    const nobody = [listed(mesh.operator, false), listed(second, false), listed(third, false)];
    const approvals = [await word(second, three, nobody)];
    expect(await coded(verifyOperators(await next(three, nobody, { approvals })))).toBe("bad_signature");
  });
});

describe("the roles of an admission", () => {
  it("are an operator's only for members of the set, and only those that the set gives", async () => {
    const set = await verifyOperators(three);
    const all = ["operator", "admin", "member"] as const;
    expect(effectiveRoles(second.member, all, set)).toEqual(["operator", "admin", "member"]);
    expect(effectiveRoles(third.member, all, set)).toEqual(["operator", "member"]);
    expect(effectiveRoles(stranger.member, all, set)).toEqual(["member"]);
    expect(effectiveRoles(stranger.member, ["operator", "admin"], set)).toEqual([]);
  });
});

it("names the same set by the same digest in whatever order its fields stand", async () => {
  const change = { mesh: mesh.mesh, number: 2, previous: mesh.mesh, operators: [listed(second)] };
  const turned = {
    operators: [{ admin: true as const, key: second.root.publicKey, member: second.member }],
    previous: mesh.mesh,
    number: 2,
    mesh: mesh.mesh,
  };
  expect(await operatorsDigest(turned)).toBe(await operatorsDigest(change));
  const foreign = await createSigner("member");
  expect(await approveOperators(change, foreign, foreign.id, now, now + 1)).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
});
