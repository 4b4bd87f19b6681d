import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { describe, expect, it, onTestFinished } from "vitest";

import { PlainClient, type Said } from "../../packages/door/test/plain-client.ts";
import { startRegistry } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, type RunningCommand, start, temporaryFolder } from "./cli-process.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/plain-door.md"), "utf8");
const greeterFile = join(import.meta.dirname, "greeter-agent.ts");

interface Heard {
  readonly text: string;
  readonly offset: number;
  readonly from: { readonly name: string };
  readonly via?: { readonly name: string; readonly standing: string };
  readonly protection: string;
}

interface DoorLine {
  readonly event: string;
  readonly state: string;
  readonly name: string;
}

/** A registry with a plain door, in a process of its own. */
class DoorMesh {
  readonly folder = temporaryFolder();
  #registry: RunningCommand | undefined;
  port = 0;
  chatPort = 0;

  get registry(): RunningCommand {
    if (this.#registry === undefined) throw new Error("not started");
    return this.#registry;
  }

  get data(): string {
    return join(this.folder, "registry");
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get chatUrl(): string {
    return `ws://127.0.0.1:${this.chatPort}`;
  }

  home(name: string): string {
    return join(this.folder, name);
  }

  /** Starts it where it was before. Gives the one-time link. */
  async start(flags: readonly string[] = []): Promise<string> {
    const door = ["--chat-port", String(this.chatPort), ...flags];
    const { registry, ready } = await startRegistry(this.data, this.port, undefined, door);
    this.#registry = registry;
    this.port = ready.port;
    this.chatPort = ready.chat?.port ?? 0;
    return ready.claim;
  }

  /** What the registry prints of its door next. */
  async doorState(): Promise<DoorLine> {
    return this.registry.json<DoorLine>();
  }

  /** A mesh whose first operator is ada, with its door open. */
  static async open(): Promise<DoorMesh> {
    const mesh = new DoorMesh();
    const claim = await mesh.start();
    jsonOf(await mesh.as("ada", ["pair", claim, "--name", "ada"]));
    while ((await mesh.doorState()).state !== "admitted");
    return mesh;
  }

  as(name: string, args: readonly string[]): ReturnType<typeof parley> {
    return parley([...args, "--home", this.home(name), "--json"]);
  }

  async join(name: string, flags: readonly string[] = []): Promise<void> {
    const { text } = jsonOf<{ text: string }>(await this.as("ada", ["invite", "create"]));
    jsonOf(await this.as(name, ["pair", text, "--name", name, "--no-wait", ...flags]));
    jsonOf(await this.as("ada", ["member", "approve", name]));
  }
}

/** A sample of docs/plain-door.md as it stands there, in `#general`. */
function runSample(mesh: DoorMesh, language: "bash" | "python", program: string, name: string): ChildProcess {
  const file = join(mesh.folder, `sample.${language}`);
  writeFileSync(file, new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "m").exec(page)?.[1] ?? "");
  const child = spawn(program, [file, "127.0.0.1", String(mesh.chatPort), name, "#general"], { detached: true });
  onTestFinished(() => {
    // Its own children too.
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
  });
  return child;
}

async function lineWith(child: ChildProcess, text: string): Promise<string> {
  if (child.stdout === null) throw new Error("no standard output");
  for await (const line of createInterface({ input: child.stdout })) if (line.includes(text)) return line;
  throw new Error(`It ended before it printed ${text}.`);
}

/** The next post with this text. */
async function heard(listener: RunningCommand, text: string): Promise<Heard> {
  for (;;) {
    const line = await listener.json<Heard>();
    if (line.text === text) return line;
  }
}

/** The history as a newcomer at the door gets it. */
async function replayOf(url: string): Promise<readonly Pick<Said, "from" | "content">[]> {
  const client = await PlainClient.come(url, { name: "newcomer" });
  await client.join("#general");
  const said = (await client.rest()).filter(({ type, replay }) => type === "MSG" && replay === true);
  await client.bye();
  return said.map(({ from, content }) => ({ from, content }));
}

const hasPrograms = ["bash", "python3"].every((program) => spawnSync(program, ["--version"]).status === 0);

describe("the plain door of parley up", () => {
  it.runIf(hasPrograms)(
    "lets a script of ten lines in shell and one in Python talk with an agent and a person, and keeps it all",
    { timeout: 300_000 },
    async () => {
      const mesh = await DoorMesh.open();
      await mesh.join("greeter", ["--kind", "agent"]);
      const agentHome = mesh.home("greeter");
      const agent = start(["run", greeterFile, "--home", agentHome, "--json"], { env: { GREETER_HOME: agentHome } });
      await agent.json();
      jsonOf(await mesh.as("ada", ["send", "@greeter", "take part", "--until", "handled"]));
      const listener = start(["listen", "#general", "--json", "--home", mesh.home("ada")]);
      const watcher = await PlainClient.come(mesh.chatUrl, { name: "watcher" });
      const { agents } = await watcher.join("#general");
      expect(agents).toContain("@greeter");
      if (!(agents as string[]).includes("@ada")) await watcher.next("AGENT_JOINED", isOf("@ada"));

      const shell = runSample(mesh, "bash", "bash", "sam");
      await watcher.next("AGENT_JOINED");
      const printed = lineWith(shell, "good day, sam");
      shell.stdin?.write("greeter, are you there?\n");
      expect(await heard(listener, "greeter, are you there?")).toMatchObject({
        from: { name: "door" },
        via: { name: "sam", standing: "keyless" },
        protection: "door",
      });
      expect(await heard(listener, "good day, sam")).toMatchObject({ from: { name: "greeter" }, protection: "signed" });
      expect(JSON.parse(await printed)).toMatchObject({ from: "@greeter", from_name: "greeter", standing: "member" });

      runSample(mesh, "python", "python3", "pia");
      await watcher.next("AGENT_JOINED");
      jsonOf(await mesh.as("ada", ["send", "#general", "good morning, pia"]));
      expect(await heard(listener, "hello @ada")).toMatchObject({ from: { name: "door" }, via: { name: "pia" } });

      const before = await replayOf(mesh.chatUrl);
      expect(before.map(({ content }) => content)).toEqual([
        "greeter, are you there?",
        "good day, sam",
        "good morning, pia",
        "hello @ada",
      ]);

      await mesh.registry.stop("SIGKILL");
      await mesh.start();
      expect(await mesh.doorState()).toMatchObject({ state: "admitted", name: "door" });
      expect(await replayOf(mesh.chatUrl)).toEqual(before);
      const later = await PlainClient.come(mesh.chatUrl, { name: "late" });
      await later.join("#general");
      later.send({ type: "MSG", to: "#general", content: "greeter, still there?" });
      await heard(listener, "good day, late");
      await mesh.join("bob");
      const { messages } = jsonOf<{ messages: { text: string }[] }>(await listenFromStart(mesh, "bob", 6));
      expect(messages.map(({ text }) => text)).toEqual([
        ...before.map(({ content }) => content),
        "greeter, still there?",
        "good day, late",
      ]);
    },
  );

  it("takes guests of this machine only, and elsewhere those with a door token", { timeout: 240_000 }, async () => {
    const mesh = await DoorMesh.open();
    const forwarded = { headers: { "X-Forwarded-For": "198.51.100.7" } };
    const atRegistry = `ws://127.0.0.1:${mesh.port}/chat`;
    const guest = await PlainClient.come(atRegistry, { name: "guest" });
    await guest.join("#general");
    for (const url of [mesh.chatUrl, atRegistry]) {
      const refused = await PlainClient.open(url, forwarded);
      expect(await refused.refused({ type: "IDENTIFY", name: "guest" })).toBe("AUTH_REQUIRED");
      await refused.closed;
    }

    const data = ["--data", mesh.data, "--json"];
    const made = jsonOf<{ id: string; token: string }>(await parley(["door-token", "create", "@sensor", ...data]));
    const stored = readFileSync(join(mesh.data, "door", "tokens", `${made.id}.json`), "utf8");
    expect(stored).not.toContain(made.token.split(".")[1]);
    const authorised = { headers: { ...forwarded.headers, authorization: `Bearer ${made.token}` } };
    const sensor = await PlainClient.come(mesh.chatUrl, { name: "whatever" }, authorised);
    await sensor.join("#general");
    sensor.send({ type: "MSG", to: "#general", content: "21 degrees" });
    expect(await guest.next("MSG")).toMatchObject({ from: sensor.id, from_name: "sensor", content: "21 degrees" });

    jsonOf(await parley(["door-token", "revoke", made.id, ...data]));
    const { tokens } = jsonOf<{ tokens: { id: string; revoked: number }[] }>(
      await parley(["door-token", "list", ...data]),
    );
    expect(tokens).toMatchObject([{ id: made.id, name: "sensor", revoked: expect.any(Number) }]);
    expect(JSON.stringify(tokens)).not.toMatch(/hash|salt/);
    const late = await PlainClient.open(mesh.chatUrl, authorised);
    expect(await late.refused({ type: "IDENTIFY", name: "late" })).toBe("AUTH_REQUIRED");

    expect((await mesh.registry.stop()).code).toBe(0);
    await mesh.start(["--origin", "https://mesh.example.org"]);
    const behindProxy = await PlainClient.open(atRegistry);
    expect(await behindProxy.refused({ type: "IDENTIFY", name: "guest" })).toBe("AUTH_REQUIRED");
  });

  it("tells its clients why it is shut until an operator lets it in", { timeout: 240_000 }, async () => {
    const mesh = new DoorMesh();
    const { registry, ready } = await startRegistry(mesh.data);
    mesh.port = ready.port;
    jsonOf(await mesh.as("ada", ["pair", ready.claim, "--name", "ada"]));
    await registry.stop();
    const none = new PlainClient(`ws://127.0.0.1:${ready.port}/chat`);
    await none.closed;

    await mesh.start();
    expect(await mesh.doorState()).toMatchObject({ state: "pending" });
    const client = await PlainClient.come(mesh.chatUrl);
    expect(await client.refused({ type: "JOIN", channel: "#general" })).toBe("UNAVAILABLE");
    expect(client.all.at(-1)?.["message"]).toContain("parley member approve door");

    const { pending } = jsonOf<{ pending: { name: string; label: string }[] }>(
      await mesh.as("ada", ["member", "list", "--pending"]),
    );
    expect(pending).toMatchObject([{ name: "door", label: "plain door" }]);
    jsonOf(await mesh.as("ada", ["member", "approve", "door"]));
    expect(await mesh.doorState()).toMatchObject({ state: "admitted" });
    await client.join("#general");
    client.send({ type: "MSG", to: "#general", content: "at last" });
    expect(await client.next("MSG")).toMatchObject({ content: "at last" });

    jsonOf(await mesh.as("ada", ["member", "revoke", "door"]));
    expect(await mesh.doorState()).toMatchObject({ state: "ended", error: { code: "revoked" } });
    expect(await client.refused({ type: "LIST_CHANNELS" })).toBe("UNAVAILABLE");
  });

  it("refuses settings that cannot be", { timeout: 120_000 }, async () => {
    const folder = temporaryFolder();
    const up = ["up", "--port", "0", "--data", join(folder, "registry"), "--chat-port", "0", "--json"];
    const noKey = await parley([...up, "--tls-cert", join(folder, "cert.pem")]);
    expect(errorOf(noKey)).toMatchObject({ code: "invalid_config", message: expect.stringContaining("tls-key") });
    const noOrigin = await parley([...up, "--chat-origin", "example.org/chat"]);
    expect(errorOf(noOrigin)).toMatchObject({ code: "invalid_config" });
    const noRegistry = await parley(["door-token", "create", "@x", "--data", join(folder, "none"), "--json"]);
    expect(errorOf(noRegistry)).toMatchObject({ code: "not_found" });
  });
});

const isOf =
  (agent: string) =>
  (said: Said): boolean =>
    said["agent"] === agent;

/** All that a member who is new hears of `#general`. */
async function listenFromStart(mesh: DoorMesh, name: string, count: number): ReturnType<typeof parley> {
  const args = ["listen", "#general", "--since", "0", "--max", String(count), "--timeout", "60s"];
  const result = await mesh.as(name, args);
  const messages = result.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Heard);
  return { ...result, stdout: JSON.stringify({ messages: messages.filter(({ text }) => text !== undefined) }) };
}
