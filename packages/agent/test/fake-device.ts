import type {
  ConversationApi,
  DelegateRequest,
  Delivery,
  DeviceApi,
  DeviceEvent,
  FindQuery,
  IncomingMessage,
  IncomingTask,
  MemberView,
  Sender,
  Sent,
  TaskAdmission,
  TaskEvent,
  TaskHandler,
  TaskRun,
} from "@parley/client";
import { type AgentCard, type Artifact, ParleyError, toParleyError } from "@parley/protocol";

import { FakeBoard } from "../../testkit/src/fake-board.ts";
import { FakeGuards } from "../../testkit/src/fake-guards.ts";
import { FakeSchedule } from "../../testkit/src/fake-schedule.ts";

const caller: Sender = {
  member: "m-caller",
  name: "caller",
  device: "d-caller",
  kind: "agent",
  roles: ["member"],
  trust: "member",
  verified: false,
};

/** What a fake task shows from outside. */
export interface FakeTask {
  readonly progress: string[];
  readonly artifacts: Artifact[];
  readonly cancel: (reason?: ParleyError) => void;
  readonly result: Promise<unknown>;
}

type Fake = Omit<DeviceApi, "name" | "member">;

/** A device without a mesh: members are a list, what is sent is written down, and tasks are handed in by hand. */
export class FakeDevice implements Fake {
  readonly member = "m-self";
  readonly device = "d-self";
  readonly name: string;
  readonly mesh = "mesh";
  readonly state = "connected";
  readonly delegations: DeviceApi["delegations"] = {
    give: async () => [],
    list: async () => [],
    withdraw: async () => undefined,
    subAgent: () => Promise.reject(new ParleyError("unsupported_operation")),
  };
  readonly agreements: DeviceApi["agreements"] = {
    propose: () => Promise.reject(new ParleyError("unsupported_operation")),
    act: () => Promise.reject(new ParleyError("unsupported_operation")),
    list: async () => [],
    get: () => Promise.reject(new ParleyError("not_found")),
    export: () => Promise.reject(new ParleyError("not_found")),
    offers: async () => ({ offers: [], next: undefined }),
    take: () => Promise.reject(new ParleyError("not_found")),
  };
  readonly approvals: DeviceApi["approvals"] = {
    list: async () => [],
    answer: async () => undefined,
    reply: async () => undefined,
    ask: async () => undefined,
    question: async () => "-",
    standing: async () => [],
    endStanding: async () => undefined,
  };
  readonly tasks: DeviceApi["tasks"] = {
    list: async () => [],
    follow: () => Promise.reject(new ParleyError("task_not_found")),
    get: () => Promise.reject(new ParleyError("task_not_found")),
    cancel: () => Promise.reject(new ParleyError("task_not_found")),
    export: () => Promise.reject(new ParleyError("task_not_found")),
  };
  readonly sent: { to: string; text: string }[] = [];
  readonly delegated: { to: string | undefined; request: DelegateRequest }[] = [];
  readonly guards = new FakeGuards();
  readonly board = new FakeBoard();
  readonly scheduled = new FakeSchedule();
  members: MemberView[] = [];
  card: AgentCard | undefined;
  /** Answers to `delegate`. */
  answer: (request: DelegateRequest) => { output: unknown; progress?: readonly string[] } = () => ({ output: null });
  /** How `send` ends; `waiting` never does. */
  fate: (to: string) => "delivered" | "stored" | "waiting" | ParleyError = () => "delivered";
  #handler: TaskHandler | undefined;
  #admission: TaskAdmission | undefined;
  #onMessage: ((message: IncomingMessage) => void | Promise<void>) | undefined;
  #tasks = 0;

  constructor(name = "self") {
    this.name = name;
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}

  watch(_listener: (event: DeviceEvent) => void): () => void {
    return () => {};
  }

  async memberOf(who: string): Promise<MemberView> {
    const found = this.members.find(({ name, member }) => who === name || who === `@${name}` || who === member);
    if (found === undefined) throw new ParleyError("unknown_member");
    return found;
  }

  async find({ skill, live, kind, limit = 100, after }: FindQuery) {
    const from = after === undefined ? 0 : Number(after);
    const fitting = this.members.filter(
      (view) =>
        (kind === undefined || view.kind === kind) &&
        (live !== true || view.live) &&
        (skill === undefined || view.card?.skills.some(({ id }) => id === skill) === true),
    );
    const next = from + limit < fitting.length ? String(from + limit) : undefined;
    return { members: fitting.slice(from, from + limit), refused: [], next };
  }

  async request(): Promise<never> {
    throw new ParleyError("unsupported_operation");
  }

  async send(to: string, text: string): Promise<Sent> {
    const fate = this.fate(to);
    if (fate instanceof ParleyError) throw fate;
    this.sent.push({ to, text });
    const fact = (state: Delivery["state"]): Delivery => ({
      id: `e-${this.sent.length}`,
      state,
      at: 0,
      tookMs: 1,
      path: state === "delivered" ? "direct" : state === "stored" ? "mailbox" : undefined,
      reason: undefined,
      device: undefined,
      error: undefined,
    });
    const known = fact(fate === "waiting" ? "accepted" : fate);
    return {
      id: known.id,
      accepted: fact("accepted"),
      state: () => known,
      settled: fate === "delivered" ? Promise.resolve(known) : new Promise(() => {}),
      reaches: () => new Promise(() => {}),
    };
  }

  onMessage(handler: (message: IncomingMessage) => void | Promise<void>): () => void {
    this.#onMessage = handler;
    return () => {
      this.#onMessage = undefined;
    };
  }

  /** Nothing was said before. */
  get conversations(): ConversationApi {
    const archive: Pick<ConversationApi, "messages"> = { messages: async () => ({ messages: [], more: false }) };
    return archive as ConversationApi;
  }

  async attach(): Promise<never> {
    throw new ParleyError("unsupported_operation");
  }

  async fetchAttachment(): Promise<never> {
    throw new ParleyError("unsupported_operation");
  }

  async attachmentsOf(): Promise<never> {
    throw new ParleyError("unsupported_operation");
  }

  async deliveries(): Promise<never> {
    throw new ParleyError("unsupported_operation");
  }

  async redeliver(): Promise<never> {
    throw new ParleyError("unsupported_operation");
  }

  async purgeDeliveries(): Promise<never> {
    throw new ParleyError("unsupported_operation");
  }

  async markRead(): Promise<never> {
    throw new ParleyError("unsupported_operation");
  }

  async ping(): Promise<never> {
    throw new ParleyError("unsupported_operation");
  }

  async connect(): Promise<never> {
    throw new ParleyError("unsupported_operation");
  }

  links(): readonly [] {
    return [];
  }

  metrics(): Promise<readonly []> {
    return Promise.resolve([]);
  }

  async delegate(to: string | undefined, request: DelegateRequest): Promise<TaskRun> {
    this.delegated.push({ to, request });
    const { output, progress = [] } = this.answer(request);
    const holder = to === undefined ? caller : { ...caller, name: to.replace("@", "") };
    async function* events(): AsyncIterable<TaskEvent> {
      for (const text of progress) {
        yield { response: { statusUpdate: { taskId: "t", status: workingStatus(text) } }, path: "direct" };
      }
    }
    const task = { id: "t", status: { state: "TASK_STATE_COMPLETED" as const } };
    return {
      to: holder,
      taskId: "t",
      events: events(),
      outcome: Promise.resolve({ task, output, text: "", path: "direct" as const, tookMs: 5 }),
      reply: async () => {},
      cancel: () => {},
      leave: () => {},
    };
  }

  async replyToTask(): Promise<void> {}

  serve(handler: TaskHandler, admit?: TaskAdmission): void {
    this.#handler = handler;
    this.#admission = admit;
  }

  rotateRoot(): Promise<never> {
    throw new ParleyError("unsupported_operation");
  }

  async publishCard(card: AgentCard): Promise<void> {
    this.card = card;
  }

  async setAvailability(): Promise<void> {}
  async reportUsage(): Promise<void> {}

  /** Hands a direct message to the agent. */
  async receive(text: string): Promise<void> {
    const message: IncomingMessage = {
      id: "e-in",
      from: caller,
      text,
      attachments: [],
      created: 0,
      path: "relay",
      class: "durable",
      redelivered: false,
      hops: 0,
      request: false,
      secret: false,
    };
    await this.#onMessage?.(message);
  }

  /** Gives the agent a task, as the client's library would after it has come in. */
  async give(skill: string, input: unknown, text = "", deadline = Date.now() + 60_000): Promise<FakeTask> {
    await this.#admission?.({ skill, input, from: caller, hops: 0 });
    const controller = new AbortController();
    const progress: string[] = [];
    const artifacts: Artifact[] = [];
    const task: IncomingTask = {
      id: `t-${++this.#tasks}`,
      contextId: "c",
      skill,
      message: { messageId: "m", role: "ROLE_USER", parts: [{ text: "-" }] },
      input,
      text,
      from: caller,
      actsFor: undefined,
      mandate: undefined,
      hops: 0,
      through: [],
      path: "direct",
      signal: controller.signal,
      deadline,
      progress: async (note) => void progress.push(note),
      artifact: async (artifact) => void artifacts.push(artifact),
      ask: async (question) => `answer to ${question}`,
      approve: async () => undefined,
      history: [],
      messages: noMessages(),
      resumed: undefined,
      checkpoint: async () => undefined,
      hold: () => () => undefined,
    };
    const handler = this.#handler;
    if (handler === undefined) throw new ParleyError("internal", { message: "nothing serves tasks" });
    const result = handler(task).catch((error: unknown) => {
      throw toParleyError(error);
    });
    // Whoever gives a task may look at its result late.
    result.catch(() => {});
    return { progress, artifacts, cancel: (reason = new ParleyError("canceled")) => controller.abort(reason), result };
  }
}

async function* noMessages(): AsyncGenerator<never> {}

function workingStatus(text: string) {
  return {
    state: "TASK_STATE_WORKING" as const,
    message: { messageId: "p", role: "ROLE_AGENT" as const, parts: [{ text }] },
  };
}
