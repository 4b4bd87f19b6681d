import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { type Place, Star } from "../lab/star.ts";
import { Terminal } from "./terminal.ts";

const samples = join(import.meta.dirname, "../../examples");
const query = JSON.stringify({ query: "who may admit a member" });

/** The registry, its operator and the librarian are on the left; a person and two agents are on the right. */
describe("two networks with a router between them", () => {
  let star: Star;
  let left: Place;
  let right: Place;
  let folder: string;
  let me: Terminal;
  let ada: Terminal;
  const terminals: Terminal[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "parley-networks-"));
    star = await Star.start(2);
    [left, right] = [star.place(0), star.place(1)];
    me = await terminal("me", left);
    ada = await terminal("ada", right);
  });

  afterAll(async () => {
    await Promise.all(terminals.map((opened) => opened[Symbol.asyncDispose]()));
    await star[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  /** A terminal in a network, in a home directory of its own. */
  async function terminal(name: string, { enter }: Place): Promise<Terminal> {
    const home = join(folder, name);
    await mkdir(home);
    const opened = new Terminal({ home, cwd: home, enter });
    terminals.push(opened);
    return opened;
  }

  /** Pairs as the README says: an invite, the words on both sides, the operator's approval. */
  async function admit(name: string, at: Terminal, ...options: readonly string[]): Promise<void> {
    const invite = (await me.type("invite", "create")).out;
    const pairing = at.start("pair", invite, ...options);
    const [, words = "none"] = await pairing.line(/six words.*: (.+)$/);
    expect((await me.type("member", "list", "--pending")).out).toContain(words);
    await me.type("member", "approve", name);
    expect(await pairing.ended).toMatchObject({
      code: 0,
      out: expect.stringContaining(`@${name} belongs to the mesh`),
    });
  }

  it("have one mesh, whose registry listens on its network's address", async () => {
    const registry = (await terminal("registry", left)).start("up", "--host", left.address, "--plaintext");
    const [, claim = ""] = await registry.line(/parley pair '(.+)'/);
    expect(claim).toMatch(/^http:\/\/10\.82\.1\.2:8080\/join#/);
    expect((await me.type("pair", claim, "--name", "me")).out).toContain("You are its first operator.");
    await admit("ada", ada, "--name", "ada");
    expect(await ada.ask("doctor")).toMatchObject([{ ok: true, faults: [] }]);
  });

  it("let a person on one ask an agent on the other, directly", async () => {
    const librarian = await terminal("librarian", left);
    const sample = join(samples, "librarian");
    const home = ["--home", join(folder, "librarian", "home")];
    await admit("librarian", librarian.in(sample), ...home);
    await librarian
      .in(sample)
      .start("run", ...home)
      .line(/@librarian is ready/);

    expect((await ada.type("agents")).out).toMatch(/librarian.*search/);
    const found = await ada.type("delegate", "search", query, "--path", "direct", "--explain");
    expect(found.out).toMatch(/"citation": "[\w./-]+\.md:\d+"/);
    expect(found.err).toMatch(/chosen: @librarian[\s\S]*path: direct {2}took: /);
    const sealed = await ada.type("delegate", "@librarian/search", query, "--path", "relay");
    expect(sealed).toMatchObject({ out: found.out, err: expect.stringContaining("path: relay") });
    const pings = await ada.ask("ping", "@librarian", "--path", "direct");
    expect(pings).toHaveLength(3);
    const route = { local: expect.stringMatching(/10\.82\.2\.2:/), remote: expect.stringMatching(/10\.82\.1\.2:/) };
    for (const ping of pings) expect(ping).toMatchObject({ path: "direct", route });
  });

  it("let the operator on one use a new agent on the other, directly", async () => {
    const maker = await terminal("maker", right);
    await maker.type("init", "my-agent");
    const agent = maker.in(join(folder, "maker", "my-agent"));
    await admit("my-agent", agent);
    const running = agent.start("run");
    await running.line(/@my-agent is ready: .*greet/);

    const greeted = await me.type("delegate", "greet", '{"name": "Ada"}');
    expect(greeted.out).toContain("Ada");
    const direct = await me.type("delegate", "@my-agent/greet", '{"name": "Ada"}', "--path", "direct", "--explain");
    expect(direct).toMatchObject({ out: greeted.out, err: expect.stringContaining("path: direct") });
    expect((await me.type("ping", "@my-agent")).out).toMatch(/round trip/);
    expect((await me.type("send", "@my-agent", "hello")).out).toMatch(/^(?:delivered|stored)/);
    expect(await running.interrupt()).toMatchObject({ code: 0 });
  });

  it("let one agent ask another through the router while it works", async () => {
    const reporter = await terminal("reporter", right);
    const sample = join(samples, "reporter");
    const home = ["--home", join(folder, "reporter", "home")];
    await admit("reporter", reporter.in(sample), ...home);
    await reporter
      .in(sample)
      .start("run", ...home)
      .line(/@reporter is ready/);
    const topic = JSON.stringify({ topic: "who may admit a member", paths: ["direct"] });
    const events = await me.ask("delegate", "@reporter/report", topic, "--path", "direct");
    const delegations = expect.arrayContaining([
      expect.objectContaining({ skill: "search", to: "librarian", path: "direct" }),
      expect.objectContaining({ skill: "read", to: "librarian", path: "direct" }),
    ]);
    const output = { markdown: expect.stringContaining("## Sources"), delegations };
    expect(events.at(-1)).toMatchObject({ type: "result", path: "direct", output });
  });

  it("carry messages both ways", async () => {
    const inbox = ada.start("listen", "--json");
    // A command beside a running one goes through it.
    const listening = me.start("listen");
    await listening.line(/@me listens/);
    const sent = await me.type("send", "@ada", "across the router");
    expect(sent.out).toMatch(/^delivered {2}path: /);
    const [text] = await inbox.line(/.*across the router.*/);
    expect(JSON.parse(text)).toMatchObject({ type: "message", from: { name: "me" } });
    expect((await ada.type("send", "@me", "and back")).out).toMatch(/^delivered {2}path: /);
    await listening.line(/@ada .*and back/);
    expect(await listening.interrupt()).toMatchObject({ code: 0 });
    expect(await inbox.interrupt()).toMatchObject({ code: 0 });
  });
});
