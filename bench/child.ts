import { type ChildProcess, fork } from "node:child_process";

import type { Answer, Call, Commands, Notice } from "./role.ts";

interface Waiter {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

const stopMs = 5000;

/** A process that the bench started, as it is spoken to. */
export class Child<Table extends Commands = Commands> {
  static readonly #running = new Set<Child>();
  readonly #process: ChildProcess;
  readonly #role: string;
  readonly #waiting = new Map<number, Waiter>();
  readonly #ended: Promise<void>;
  #onNotice: (notice: unknown) => void = () => {};
  #nextId = 1;

  private constructor(role: string) {
    this.#role = role;
    this.#process = fork(new URL(`roles/${role}.ts`, import.meta.url), [], {
      execArgv: ["--expose-gc", "--disable-warning=ExperimentalWarning"],
      env: { ...process.env, NODE_ENV: "production" },
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#process.on("message", (message: Answer | Notice) => this.#take(message));
    this.#ended = new Promise((resolve) => {
      this.#process.on("exit", () => {
        Child.#running.delete(this);
        for (const { reject } of this.#waiting.values()) reject(new Error(`The ${role} process ended.`));
        this.#waiting.clear();
        resolve();
      });
    });
    Child.#running.add(this);
  }

  /** Starts `roles/<role>.ts`. */
  static start<Table extends Commands>(role: string): Child<Table> {
    return new Child<Table>(role);
  }

  /** Ends every process that is still there. */
  static async stopAll(): Promise<void> {
    await Promise.all([...Child.#running].map((child) => child.stop()));
  }

  onNotice(take: (notice: unknown) => void): void {
    this.#onNotice = take;
  }

  /** Runs a command there. Rejects with what it threw, or when the process ends first. */
  ask<Name extends keyof Table & string>(
    command: Name,
    ...body: Parameters<Table[Name]>
  ): Promise<Awaited<ReturnType<Table[Name]>>> {
    const id = this.#nextId++;
    const answered = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    const call: Call = { id, command, body: body[0] };
    if (this.#process.connected) this.#process.send(call);
    else this.#take({ id, error: "The process ended." });
    return answered as Promise<Awaited<ReturnType<Table[Name]>>>;
  }

  /** Lets the process end, by force after five seconds. */
  async stop(): Promise<void> {
    const force = setTimeout(() => this.#process.kill("SIGKILL"), stopMs);
    if (this.#process.connected) this.#process.disconnect();
    await this.#ended;
    clearTimeout(force);
  }

  #take(message: Answer | Notice): void {
    if ("notice" in message) {
      this.#onNotice(message.notice);
      return;
    }
    const waiter = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.error === undefined) waiter?.resolve(message.value);
    else waiter?.reject(new Error(`${this.#role}: ${message.error}`));
  }
}
