/** The side of a forked process: answers commands of the bench one after the other by name, and tells it what happens. */

/** Commands of a process by name; each takes at most one value that survives JSON, and so does what it returns. */
export type Commands = Readonly<Record<string, (body: never) => unknown>>;

export interface Call {
  readonly id: number;
  readonly command: string;
  readonly body: unknown;
}

export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Something that nobody asked for. */
export interface Notice {
  readonly notice: unknown;
}

/** Answers commands until the bench is gone. */
export function answerCommands(commands: Commands): void {
  process.on("message", (call: Call) => {
    void answer(commands, call);
  });
  process.on("disconnect", () => process.exit());
}

async function answer(commands: Commands, { id, command, body }: Call): Promise<void> {
  const run = commands[command] as ((body: unknown) => unknown) | undefined;
  try {
    tell({ id, value: await run?.(body) });
  } catch (error) {
    tell({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

export function notify(notice: unknown): void {
  tell({ notice });
}

function tell(message: Answer | Notice): void {
  process.send?.(message);
}

/** Resident memory of this process in KiB, after what can be collected was. */
export function residentKiB(): number {
  for (let round = 0; round < 4; round++) globalThis.gc?.();
  return process.memoryUsage().rss / 1024;
}

/** What is alive on the heap of this process and beside it, in KiB: no room that is merely held. */
export function liveKiB(): number {
  for (let round = 0; round < 4; round++) globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1024;
}

/** Seconds that this process kept a processor busy so far. */
export function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
