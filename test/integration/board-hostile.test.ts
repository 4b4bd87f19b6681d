import {
  BoardSealer,
  readBoardEntry,
  sha256,
  signBoardAct,
  signBoardTask,
  systemRandom,
  verifyTimelineFile,
} from "@parley/core";
import { limits, type ReplyBody, toBase64url, toParleyError } from "@parley/protocol";
import { describe, expect, it, vi } from "vitest";

import { add, done, Gate, worker } from "./board-scene.ts";
import { type Joined, MeshScope, until } from "./device-fixture.ts";
import { everything } from "./heedless.ts";

const sum = { skill: "add", input: { a: 2, b: 3 } };
const task16 = (): string => toBase64url(systemRandom.bytes(16));

/** Speaks for a member as it likes: with its keys, past its library. */
class Rogue {
  readonly #of: Joined;
  readonly #mesh: string;

  constructor(of: Joined, mesh: string) {
    this.#of = of;
    this.#mesh = mesh;
  }

  get #speaker() {
    const { member, device } = this.#of.joined.identity;
    return { mesh: this.#mesh, by: member, signer: device, iat: Date.now() };
  }

  /** What it would put on the board. */
  async task(change: object = {}, subject = task16(), sealed = "AAAA") {
    const { member, device } = this.#of.joined.identity;
    const wrap = {
      member,
      by: device.id,
      kid: "AAAAAAAAAAA",
      encapsulated: await sha256("x"),
      counter: 0,
      sealed: "AAAA",
    };
    const { compact } = await signBoardTask(this.#speaker, subject, {
      type: "submitted",
      skill: "add",
      input: await sha256(sealed),
      priority: 4,
      deadline: Date.now() + 60_000,
      attempts: 3,
      timeLimitMs: 1000,
      ...change,
    });
    return { statement: compact, input: sealed, own: wrap, wraps: [] };
  }

  async submit(...one: Awaited<ReturnType<Rogue["task"]>>[]): Promise<(string | undefined)[]> {
    const { outcomes } = await this.#of.device.request("board.submit", { tasks: one });
    return outcomes.map(({ error }) => error?.code);
  }

  /** Says that it completed a task. */
  async complete(entries: readonly string[], generation: number, change: object = {}) {
    const before = await readBoardEntry(entries.at(-1) ?? "");
    const { member, device } = this.#of.joined.identity;
    const sealer = new BoardSealer({
      mesh: this.#mesh,
      member,
      device: device.id,
      random: systemRandom,
      keyOf: () => undefined,
    });
    const { verified } = await this.#of.device.memberOf(before.statement.by);
    const result = await sealer.sealResult(new TextEncoder().encode("{}"), verified, before.statement.subject);
    const said = { type: "completed", generation, result: await sha256(result.sealed), ...change } as const;
    const { compact } = await signBoardAct(this.#speaker, before, said);
    const task = before.statement.subject;
    const { outcomes } = await this.#of.device.request("board.complete", {
      results: [{ task, generation, entry: compact, result }],
    });
    return outcomes[0]?.error?.code;
  }
}

const viewOf = async ({ device }: Joined, task: string): Promise<ReplyBody<"board.get">["view"]> =>
  (await device.request("board.get", { task })).view;

describe("the board, towards members that do not keep to the rules", () => {
  it("shows, cancels and changes nobody else's task", async () => {
    await using scope = await MeshScope.start();
    const [ada, eve] = [await scope.join("ada"), await scope.join("eve")];
    const { task } = await ada.device.board.submit(sum);
    const notFound = { code: "task_not_found" };
    await expect(eve.device.board.task(task)).rejects.toMatchObject(notFound);
    await expect(eve.device.board.cancel(task)).rejects.toMatchObject(notFound);
    await expect(eve.device.board.retry(task)).rejects.toMatchObject(notFound);
    await expect(eve.device.board.follow(task).outcome).rejects.toMatchObject(notFound);
    const { own } = await viewOf(ada, task);
    const share = eve.device.request("board.share", { task, wraps: own === undefined ? [] : [own] });
    await expect(share).rejects.toMatchObject(notFound);
    await eve.device.request("board.acknowledge", { tasks: [task] });
    expect((await eve.device.board.list()).tasks).toEqual([]);
    expect((await ada.device.board.task(task)).facts.state).toBe("open");
  });

  it("takes no task that its member did not sign so, and none whose numbers are out of bounds", async () => {
    await using scope = await MeshScope.start();
    const [ada, eve] = [await scope.join("ada"), await scope.join("eve")];
    const mesh = scope.mesh.operator.device.mesh;
    const [ofAda, ofEve] = [new Rogue(ada, mesh), new Rogue(eve, mesh)];
    const good = await ofAda.task();
    // Ada's statement in eve's name, another input than the one that was signed, another mesh, an id that is not its key's.
    expect(await ofEve.submit(good)).toEqual(["timeline_broken"]);
    expect(await ofAda.submit({ ...good, input: "BBBB" })).toEqual(["bad_signature"]);
    expect(await ofAda.submit(await new Rogue(ada, await sha256("other")).task())).toEqual(["timeline_broken"]);
    expect(await ofAda.submit(await ofAda.task({ key: "monday" }))).toEqual(["timeline_broken"]);
    expect(await ofAda.submit(await ofAda.task({ deadline: Date.now() - 1 }))).toEqual(["expired"]);
    const farAhead = { deadline: Date.now() + limits.boardLifeMs + 60_000 };
    expect(await ofAda.submit(await ofAda.task(farAhead))).toEqual(["invalid_argument"]);
    // One that is refused keeps no other from being taken.
    expect(await ofAda.submit(await ofAda.task(), { ...good, input: "BBBB" }, good)).toEqual([
      undefined,
      "bad_signature",
      undefined,
    ]);
    // Eve may not take ada's id.
    const { subject } = (await readBoardEntry(good.statement)).statement;
    expect(await ofEve.submit(await ofEve.task({}, subject))).toEqual(["already_exists"]);
  });

  it("takes a result from the holder of the present lease only", async () => {
    await using scope = await MeshScope.start();
    const [ada, bob, eve] = [await scope.join("ada"), await scope.join("bob"), await scope.join("eve")];
    const mesh = scope.mesh.operator.device.mesh;
    const gate = new Gate();
    const taken = await worker(bob, gate.work);
    const { task } = await ada.device.board.submit(sum);
    await until(() => taken.length === 1);
    const { entries } = await viewOf(ada, task);
    const [ofBob, ofEve] = [new Rogue(bob, mesh), new Rogue(eve, mesh)];
    expect(await ofEve.complete(entries, 1)).toBe("lease_ended");
    expect(await ofBob.complete(entries, 2)).toBe("lease_ended");
    expect(await ofBob.complete(entries, 1, { generation: 2 })).toBe("invalid_argument");
    expect(await ofBob.complete(entries, 1, { result: await sha256("other") })).toBe("bad_signature");
    for (const request of [
      eve.device.request("board.return", { task, generation: 1, begun: false, code: "closed" }),
      bob.device.request("board.return", { task, generation: 2, begun: false, code: "closed" }),
    ])
      await expect(request).rejects.toMatchObject({ code: "lease_ended" });
    const renewed = await eve.device.request("board.renew", { leases: [{ task, generation: 1 }] });
    expect(renewed.ended).toEqual([{ task, generation: 1, code: "lease_ended" }]);
    expect((await viewOf(ada, task)).state).toBe("leased");
    gate.open();
    const { facts } = await ada.device.board.follow(task).outcome;
    expect(facts).toMatchObject({ state: "completed", starts: 1 });
    // Nothing follows the completion.
    expect(await ofBob.complete((await viewOf(ada, task)).entries, 1)).toBe("lease_ended");
  });

  it("believes no result of a worker that has not the skill, nor one that is not what it signed", async () => {
    await using scope = await MeshScope.start();
    const [ada, eve] = [await scope.join("ada"), await scope.join("eve")];
    const mesh = scope.mesh.operator.device.mesh;
    const { task } = await ada.device.board.submit(sum);
    const { entries, own } = await viewOf(ada, task);
    // With its asker's help eve gets a lease for a skill that is not on its card.
    const wrap = own && { ...own, member: eve.device.member };
    await ada.device.request("board.share", { task, wraps: wrap === undefined ? [] : [wrap] });
    eve.device.serve(async () => undefined);
    const leased = vi.fn();
    const stop = eve.device.watch((event) => leased(event));
    await eve.device.request("board.work", { skills: ["add"], slots: 1, holds: [] });
    await vi.waitFor(async () => expect((await viewOf(ada, task)).generation).toBeGreaterThan(0));
    const generation = (await viewOf(ada, task)).generation;
    const code = await new Rogue(eve, mesh).complete(entries, generation);
    stop();
    // Its own library gives back what it cannot open; either way ada does not take it for done.
    const heard = await (code === undefined
      ? ada.device.board.follow(task).outcome.then(
          () => "believed",
          (error: unknown) => toParleyError(error).code,
        )
      : code);
    expect(["card_mismatch", "lease_ended"]).toContain(heard);
  });

  it("gives nobody work that the policy keeps from it, and nothing to or of whom an operator holds back", async () => {
    await using scope = await MeshScope.start();
    const [ada, bob, carl] = [await scope.join("ada"), await scope.join("bob"), await scope.join("carl")];
    const atBob = await worker(bob, add);
    const atCarl = await worker(carl, add);
    const orders = scope.mesh.orders;
    await orders.publishPolicy({ rules: [everything, { deny: ["call"], to: ["@carl"] }] });
    for (let n = 0; n < 4; n++) await done(ada, sum);
    expect([atBob.length, atCarl.length]).toEqual([4, 0]);
    await orders.restrict([bob.device.member], "paused");
    const { task } = await ada.device.board.submit(sum);
    expect((await ada.device.board.task(task)).facts.state).toBe("open");
    await orders.lift([bob.device.member], ["paused"]);
    await ada.device.board.follow(task).outcome;
    expect(atBob).toHaveLength(5);
    await orders.restrict([ada.device.member], "muted");
    await until(() => ada.device.state === "connected");
    await expect(ada.device.board.submit(sum)).rejects.toMatchObject({ code: "muted" });
  });

  it("drops what a revoked member asked for, and frees what it held", async () => {
    await using scope = await MeshScope.start();
    const [ada, eve, bob] = [await scope.join("ada"), await scope.join("eve"), await scope.join("bob")];
    const gate = new Gate();
    const taken = await worker(bob, gate.work);
    const ofEve = await eve.device.board.submit(sum);
    const ofAda = await ada.device.board.submit(sum);
    await until(() => taken.length === 2);
    await scope.mesh.revoke("eve");
    await until(() => taken.some(({ id, signal }) => id === ofEve.task && signal.aborted));
    await scope.mesh.revoke("bob");
    const carl = await scope.join("carl");
    await worker(carl, add);
    expect((await ada.device.board.follow(ofAda.task).outcome).facts.starts).toBe(2);
  });

  it("exports what was signed as a file in which no byte can be changed", async () => {
    await using scope = await MeshScope.start();
    const [ada, bob] = [await scope.join("ada"), await scope.join("bob")];
    await worker(bob, add);
    const { facts } = await done(ada, sum);
    const bytes = new TextEncoder().encode(await ada.device.board.export(facts.task));
    const pins = { mesh: ada.device.mesh, operators: ada.joined.trust.operators };
    const report = await verifyTimelineFile(bytes, pins);
    expect(report).toMatchObject({ kind: "board", subject: facts.task });
    expect(report.entries.map(({ statement }) => statement.act.type)).toEqual(["submitted", "completed"]);
    const believed: number[] = [];
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      await verifyTimelineFile(changed, pins).then(
        () => believed.push(at),
        () => undefined,
      );
    }
    expect(believed).toEqual([]);
  });
});
