import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { describe, expect, it, onTestFinished } from "vitest";

import { PlainClient, type Said } from "../../packages/door/test/plain-client.ts";
import { startRegistry } from "./cli-mesh.ts";
import { errorOf, jsonOf, parley, type RunningCommand, start, temporaryFolder } from "./cli-process.ts";

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
  chatUrl = "";

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
    this.chatUrl = ready.chat?.url ?? "";
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

/** A program that prints lines, and is typed to. */
class Talker {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting = new Set<() => void>();
  #isOver = false;

  constructor(program: string, args: readonly string[]) {
    // A group of its own, for what it starts.
    this.#child = spawn(program, args, { detached: true, stdio: ["pipe", "pipe", "inherit"] });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error("no standard output");
    const told = (): void => this.#waiting.forEach((look) => look());
    const lines = createInterface({ input: stdout });
    lines.on("line", (line) => {
      this.#lines.push(line);
      told();
    });
    lines.on("close", () => {
      this.#isOver = true;
      told();
    });
    onTestFinished(() => {
      if (this.#child.pid !== undefined && this.#child.exitCode === null) process.kill(-this.#child.pid, "SIGKILL");
    });
  }

  type(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** The first line with this in it, as soon as there is one. */
  lineWith(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const line = this.#lines.find((each) => each.includes(text));
        if (line === undefined && !this.#isOver) return;
        this.#waiting.delete(look);
        if (line === undefined) reject(new Error(`It ended without ${text}: ${this.#lines.slice(-5).join(" | ")}`));
        else resolve(line);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

/** A file of examples/plain-door as it stands there, in `#general`. */
function runExample(mesh: DoorMesh, program: string, file: string, name: string): Talker {
  const path = join(import.meta.dirname, "../../examples/plain-door", file);
  return new Talker(program, [path, "127.0.0.1", String(mesh.chatPort), name, "#general"]);
}

/** A person before `parley chat`, in `#general`. */
function openChat(mesh: DoorMesh, name: string): Talker {
  const main = join(import.meta.dirname, "../../packages/cli/src/main.ts");
  const command = ["--disable-warning=ExperimentalWarning", main, "chat", "#general", "--plain"];
  return new Talker(process.execPath, [...command, "--home", mesh.home(name)]);
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

      const chat = openChat(mesh, "ada");
      await chat.lineWith("you are in #general");
      runExample(mesh, "python3", "greet.py", "pia");
      const pia = String((await watcher.next("AGENT_JOINED"))["agent"]);
      const shell = runExample(mesh, "bash", "talk.sh", "sam-of-pia");
      const sam = String((await watcher.next("AGENT_JOINED"))["agent"]);

      // Each is heard by all the others: the agent answers the shell, Python the agent and the person.
      shell.type("greeter, are you there?");
      expect(await heard(listener, "greeter, are you there?")).toMatchObject({
        from: { name: "door" },
        via: { name: "sam-of-pia", standing: "keyless" },
        protection: "door",
      });
      expect(await heard(listener, "good day, sam-of-pia")).toMatchObject({
        from: { name: "greeter" },
        protection: "signed",
      });
      expect(await heard(listener, "hello @greeter")).toMatchObject({ from: { name: "door" }, via: { name: "pia" } });
      expect(await chat.lineWith("greeter, are you there?")).toMatch(/#general sam-of-pia \(.*door.*\): greeter/);
      expect(await chat.lineWith("good day, sam-of-pia")).toContain("#general @greeter: good day");
      expect(await chat.lineWith("hello @greeter")).toMatch(/#general pia \(.*door.*\): hello/);
      chat.type("good morning, pia");
      expect(await heard(listener, "hello @ada")).toMatchObject({ from: { name: "door" }, via: { name: "pia" } });
      await chat.lineWith('#general "good morning, pia": stored · signed');
      await chat.lineWith("hello @ada");
      for (const [said, from, standing] of [
        ["good day, sam-of-pia", "@greeter", "member"],
        ["hello @greeter", pia, "keyless"],
        ["good morning, pia", "@ada", "member"],
        ["hello @ada", pia, "keyless"],
      ] as const)
        expect(JSON.parse(await shell.lineWith(`"content":"${said}"`))).toMatchObject({ from, standing });
      expect(JSON.parse(await shell.lineWith('"content":"greeter, are you there?"'))).toMatchObject({ from: sam });

      const before = await replayOf(mesh.chatUrl);
      expect(before.map(({ content }) => content)).toEqual([
        "greeter, are you there?",
        "good day, sam-of-pia",
        "hello @greeter",
        "good morning, pia",
        "hello @ada",
      ]);
      const { messages: ofAgent } = jsonOf<{ messages: readonly { readonly content: { readonly text: string } }[] }>(
        await mesh.as("greeter", ["history", "#general"]),
      );
      expect(ofAgent.map(({ content }) => content.text)).toEqual(before.map(({ content }) => content));

      await mesh.registry.stop("SIGKILL");
      await mesh.start();
      expect(await mesh.doorState()).toMatchObject({ state: "admitted", name: "door" });
      expect(await replayOf(mesh.chatUrl)).toEqual(before);
      const later = await PlainClient.come(mesh.chatUrl, { name: "late" });
      await later.join("#general");
      later.send({ type: "MSG", to: "#general", content: "greeter, still there?" });
      await heard(listener, "good day, late");
      await mesh.join("bob");
      const { messages } = jsonOf<{ messages: { text: string }[] }>(
        await listenFromStart(mesh, "bob", before.length + 2),
      );
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
    for (const url of [mesh.chatUrl, atRegistry]) {
      const behindProxy = await PlainClient.open(url);
      expect(await behindProxy.refused({ type: "IDENTIFY", name: "guest" })).toBe("AUTH_REQUIRED");
    }
  });

  it("listens at the port that is set, on this machine alone unless told, and says its name", async () => {
    const mesh = new DoorMesh();
    await mesh.start(["--chat-name", "nook"]);
    expect(mesh.chatUrl).toBe(`ws://127.0.0.1:${mesh.chatPort}`);
    const client = await PlainClient.come(mesh.chatUrl);
    expect(client.all).toMatchObject([{ type: "WELCOME", server: "nook" }]);
    await mesh.registry.stop();
    // At the same port as before.
    await mesh.start(["--chat-host", "0.0.0.0", "--plaintext"]);
    const elsewhere = await PlainClient.open(`ws://127.0.0.1:${mesh.chatPort}`);
    expect(await elsewhere.refused({ type: "IDENTIFY", name: "guest" })).toBe("AUTH_REQUIRED");
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
