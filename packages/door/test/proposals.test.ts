import { describe, expect, it } from "vitest";

import { openDoor, type Scene } from "./door-fixture.ts";
import { PlainClient, PlainKey, respelled, type Said } from "./plain-client.ts";

interface Deal extends Scene {
  readonly a: PlainClient;
  readonly b: PlainClient;
  readonly aKey: PlainKey;
  readonly bKey: PlainKey;
}

async function openDeal(bounds = {}): Promise<Deal> {
  const scene = await openDoor({ bounds });
  const [aKey, bKey] = [new PlainKey(), new PlainKey()];
  const a = await PlainClient.come(scene.url, { pubkey: aKey.pubkey });
  const b = await PlainClient.come(scene.url, { pubkey: bKey.pubkey });
  return { ...scene, a, b, aKey, bKey };
}

function offer({ b, aKey }: Deal, fields: { task?: string; expires?: number; amount?: number | string } = {}): object {
  const { task = "paint the fence", amount, expires } = fields;
  const sig = aKey.sign([b.id, task, amount || "", "", "", expires || ""].map(String).join("|"));
  return {
    type: "PROPOSAL",
    to: b.id,
    task,
    ...(amount === undefined ? {} : { amount }),
    ...(expires === undefined ? {} : { expires }),
    sig,
  };
}

async function make(deal: Deal, fields = {}): Promise<string> {
  deal.a.send(offer(deal, fields));
  await deal.b.next("PROPOSAL");
  return String((await deal.a.next("PROPOSAL"))["id"]);
}

const acts = {
  ACCEPT: (key: PlainKey, id: string) => ({
    type: "ACCEPT",
    proposal_id: id,
    payment_code: "pm",
    sig: key.sign(`ACCEPT|${id}|pm`),
  }),
  REJECT: (key: PlainKey, id: string) => ({ type: "REJECT", proposal_id: id, sig: key.sign(`REJECT|${id}|`) }),
  COMPLETE: (key: PlainKey, id: string) => ({
    type: "COMPLETE",
    proposal_id: id,
    proof: "done",
    sig: key.sign(`COMPLETE|${id}|done`),
  }),
  DISPUTE: (key: PlainKey, id: string) => ({
    type: "DISPUTE",
    proposal_id: id,
    reason: "bad",
    sig: key.sign(`DISPUTE|${id}|bad`),
  }),
} as const;

async function word(client: PlainClient, message: object): Promise<string> {
  client.send(message);
  const said = await client.next("ERROR");
  return said["code"] === "INVALID_PROPOSAL" ? String(said["message"]) : String(said["code"]);
}

describe("a proposal", () => {
  it("goes to the addressee and comes back to whoever made it, in agentchat's shape", async () => {
    const deal = await openDeal();
    deal.a.send(offer(deal, { amount: 5, expires: 300 }));
    const got = await deal.b.next("PROPOSAL");
    const now = deal.clock.now();
    expect(got).toEqual({
      type: "PROPOSAL",
      id: expect.stringMatching(/^prop_[0-9a-z]+_[0-9a-f]{8}$/),
      from: deal.a.id,
      to: deal.b.id,
      task: "paint the fence",
      amount: 5,
      currency: null,
      payment_code: null,
      terms: null,
      expires: now + 300_000,
      status: "pending",
      created_at: now,
      sig: expect.any(String),
      ts: now,
    });
    expect(await deal.a.next("PROPOSAL")).toEqual(got);
  });

  it("is accepted by the addressee and completed or disputed by either, and both hear of it", async () => {
    const deal = await openDeal();
    const { a, b, aKey, bKey, clock } = deal;
    const id = await make(deal);
    b.send(acts.ACCEPT(bKey, id));
    const accepted = {
      type: "ACCEPT",
      proposal_id: id,
      status: "accepted",
      updated_at: clock.now(),
      payment_code: "pm",
      sig: expect.any(String),
      ts: clock.now(),
    };
    expect(await a.next("ACCEPT")).toEqual(accepted);
    expect(await b.next("ACCEPT")).toEqual(accepted);
    a.send(acts.COMPLETE(aKey, id));
    const completed = { status: "completed", completed_by: a.id, completed_at: clock.now(), proof: "done" };
    expect(await b.next("COMPLETE")).toMatchObject(completed);
    expect(await a.next("COMPLETE")).toMatchObject(completed);
    const other = await make(deal, { task: "another" });
    b.send(acts.ACCEPT(bKey, other));
    await a.next("ACCEPT");
    b.send(acts.DISPUTE(bKey, other));
    expect(await a.next("DISPUTE")).toMatchObject({
      status: "disputed",
      disputed_by: b.id,
      disputed_at: clock.now(),
      reason: "bad",
    });
    const third = await make(deal, { task: "third" });
    b.send(acts.REJECT(bKey, third));
    expect(await a.next("REJECT")).toMatchObject({ proposal_id: third, status: "rejected", reason: null });
  });

  it("moves only as the table of states says", async () => {
    const deal = await openDeal();
    const { a, b, aKey, bKey, url } = deal;
    const cKey = new PlainKey();
    const c = await PlainClient.come(url, { pubkey: cKey.pubkey });
    for (const act of [acts.ACCEPT, acts.REJECT, acts.COMPLETE, acts.DISPUTE])
      expect(await word(a, act(aKey, "prop_x_00000000"))).toBe("PROPOSAL_NOT_FOUND");
    const id = await make(deal);
    expect(await word(a, acts.ACCEPT(aKey, id))).toBe("NOT_PROPOSAL_RECIPIENT");
    expect(await word(c, acts.REJECT(cKey, id))).toBe("NOT_PROPOSAL_RECIPIENT");
    expect(await word(a, acts.COMPLETE(aKey, id))).toBe("PROPOSAL_NOT_ACCEPTED");
    expect(await word(b, acts.DISPUTE(bKey, id))).toBe("PROPOSAL_NOT_ACCEPTED");
    b.send(acts.ACCEPT(bKey, id));
    await b.next("ACCEPT");
    expect(await word(b, acts.ACCEPT(bKey, id))).toBe("PROPOSAL_NOT_PENDING");
    expect(await word(b, acts.REJECT(bKey, id))).toBe("PROPOSAL_NOT_PENDING");
    expect(await word(c, acts.COMPLETE(cKey, id))).toBe("NOT_PROPOSAL_PARTY");
    expect(await word(c, acts.DISPUTE(cKey, id))).toBe("NOT_PROPOSAL_PARTY");
    b.send(acts.COMPLETE(bKey, id));
    await b.next("COMPLETE");
    expect(await word(b, acts.DISPUTE(bKey, id))).toBe("PROPOSAL_NOT_ACCEPTED");
  });

  it("needs a key, a signature, and a right one, for every act", async () => {
    const deal = await openDeal();
    const { a, b, bKey, aKey, url } = deal;
    const keyless = await PlainClient.come(url);
    expect(await word(keyless, offer(deal))).toBe("SIGNATURE_REQUIRED");
    expect(await word(a, { ...offer(deal), sig: "" })).toBe("SIGNATURE_REQUIRED");
    expect(await word(a, { ...offer(deal), sig: undefined })).toBe("SIGNATURE_REQUIRED");
    expect(await word(a, { ...offer(deal), sig: "1" })).toBe("VERIFICATION_FAILED");
    expect(await word(a, { ...offer(deal), task: "another" })).toBe("VERIFICATION_FAILED");
    expect(await word(a, { ...offer(deal), amount: 7 })).toBe("VERIFICATION_FAILED");
    const id = await make(deal);
    for (const act of [acts.ACCEPT, acts.REJECT, acts.COMPLETE, acts.DISPUTE]) {
      expect(await word(keyless, act(bKey, id))).toBe("SIGNATURE_REQUIRED");
      expect(await word(b, { ...act(bKey, id), sig: null })).toBe("SIGNATURE_REQUIRED");
      expect(await word(b, act(aKey, id))).toBe("VERIFICATION_FAILED");
    }
    expect(await b.rest()).toMatchObject([{ type: "CHALLENGE" }]);
  });

  it("goes to clients that are connected, and to nobody else", async () => {
    const deal = await openDeal();
    const to = (id: string): object => ({ ...offer(deal), to: id, sig: deal.aKey.sign(`${id}|paint the fence||||`) });
    for (const id of ["@00000000", "@librarian", "@x y", "@door2/0123abcd"])
      expect(await word(deal.a, to(id))).toBe("AGENT_NOT_FOUND");
  });

  it("that ends while a party is away is told when it comes back", async () => {
    const deal = await openDeal({ noticesPerClient: 2 });
    const { a, b, aKey, bKey, url } = deal;
    const ids = [await make(deal), await make(deal, { task: "2" }), await make(deal, { task: "3" })];
    await a.bye();
    for (const id of ids) {
      b.send(acts.ACCEPT(bKey, id));
      await b.next("ACCEPT");
    }
    const back = await PlainClient.come(url, { pubkey: aKey.pubkey });
    // No more than the bound, the newest.
    expect(await back.next("ACCEPT")).toMatchObject({ proposal_id: ids[1] });
    expect(await back.next("ACCEPT")).toMatchObject({ proposal_id: ids[2] });
    expect((await back.rest()).filter(({ type }) => type === "ACCEPT")).toEqual([]);
  });

  it("that expires is told to both, and can no longer be accepted", async () => {
    const deal = await openDeal();
    const { a, b, bKey, clock } = deal;
    const id = await make(deal, { expires: 2 });
    clock.advance(2000);
    const expired = { proposal_id: id, status: "expired", reason: "expired", sig: null };
    expect(await a.next("REJECT")).toMatchObject(expired);
    expect(await b.next("REJECT")).toMatchObject(expired);
    expect(await word(b, acts.ACCEPT(bKey, id))).toBe("PROPOSAL_NOT_PENDING");
  });

  it("with an amount of 0 or an expiry of 0 has none", async () => {
    const deal = await openDeal();
    deal.a.send(offer(deal, { amount: 0, expires: 0 }));
    expect(await deal.b.next("PROPOSAL")).toMatchObject({ amount: null, expires: null });
  });

  it("an accepted one outlives its expiry; ended ones are forgotten after a day", async () => {
    const deal = await openDeal({ deadMs: 1e12, pingMs: 1e12 });
    const { b, bKey, clock } = deal;
    const id = await make(deal, { expires: 10 });
    b.send(acts.ACCEPT(bKey, id));
    await b.next("ACCEPT");
    clock.skew(2 * 86_400_000);
    await clock.run(2000);
    b.send(acts.COMPLETE(bKey, id));
    await b.next("COMPLETE");
    clock.skew(2 * 86_400_000);
    await clock.run(2000);
    expect(await word(b, acts.COMPLETE(bKey, id))).toBe("PROPOSAL_NOT_FOUND");
  });

  it("is one of a bounded number, for each client and in all", async () => {
    const deal = await openDeal({ openProposalsPerClient: 2 });
    await make(deal, { task: "1" });
    await make(deal, { task: "2" });
    expect(await word(deal.a, offer(deal, { task: "3" }))).toBe("LIMIT_REACHED");
    const small = await openDeal({ proposals: 2 });
    const first = await make(small, { task: "1" });
    await make(small, { task: "2" });
    expect(await word(small.a, offer(small, { task: "3" }))).toBe("LIMIT_REACHED");
    small.b.send(acts.REJECT(small.bKey, first));
    await small.b.next("REJECT");
    await make(small, { task: "3" });
  });

  it("cannot be made again by another connection that only shows the key", async () => {
    const deal = await openDeal();
    await make(deal);
    await make(deal);
    const said: Said | undefined = deal.a.all.find(({ type }) => type === "PROPOSAL");
    await deal.a.bye();
    const impostor = await PlainClient.come(deal.url, { pubkey: deal.aKey.pubkey });
    const sig = String(said?.["sig"]);
    for (const each of [sig, respelled(sig)])
      expect(await word(impostor, { type: "PROPOSAL", to: deal.b.id, task: "paint the fence", sig: each })).toBe(
        "VERIFICATION_FAILED",
      );
  });
});
