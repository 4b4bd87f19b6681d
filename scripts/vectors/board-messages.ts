import type {
  BoardFacts,
  BoardResult,
  BoardView,
  BoardWrap,
  PushBody,
  PushType,
  ReplyBody,
  RequestBody,
  RequestType,
  StatementType,
} from "@parley/protocol";

import { fixedId, type FixedSigners, vectorExpiry, vectorTime } from "./identities.ts";

type BoardRequest = Extract<RequestType, `board.${string}`>;
type BoardPush = Extract<PushType, `board.${string}`>;
type Compacts = Readonly<Record<StatementType, string>>;

const task = fixedId(16, 80);
const other = fixedId(16, 81);
const time = vectorTime;
const lease = { task, generation: 2 };
const ended = { ...lease, code: "lease_ended" } as const;
const sealed = { kid: fixedId(8, 82), encapsulated: fixedId(32, 83), counter: 7 };

function facts({ member, operator, device }: FixedSigners): BoardFacts {
  return {
    task,
    asker: operator.id,
    skill: "search",
    state: "completed",
    priority: 4,
    created: time,
    deadline: vectorExpiry,
    attempts: 3,
    starts: 1,
    generation: 2,
    worker: member.id,
    device: device.id,
    ended: time + 1000,
  };
}

const waiting = (signers: FixedSigners): BoardFacts => {
  const { worker: _worker, device: _device, ended: _ended, ...rest } = facts(signers);
  return { ...rest, state: "open", readyAt: time + 1000, waitsFor: [other], reason: "worker_lost" };
};

function wrap({ member, device }: FixedSigners): BoardWrap {
  return { member: member.id, by: device.id, ...sealed, sealed: fixedId(32, 84) };
}

function result({ member, device }: FixedSigners): BoardResult {
  return { member: member.id, device: device.id, ...sealed, sealed: fixedId(32, 85) };
}

function view(signers: FixedSigners, compacts: Compacts): BoardView {
  return {
    ...facts(signers),
    entries: [compacts["board-entry"]],
    input: fixedId(32, 86),
    own: wrap(signers),
    result: result(signers),
  };
}

export function boardRequestBodies(
  signers: FixedSigners,
  compacts: Compacts,
): { readonly [Type in BoardRequest]: RequestBody<Type> } {
  const entry = compacts["board-entry"];
  return {
    "board.submit": {
      tasks: [{ statement: entry, input: fixedId(32, 86), own: wrap(signers), wraps: [wrap(signers)] }],
    },
    "board.share": { task, wraps: [wrap(signers)] },
    "board.get": { task },
    "board.list": { states: ["open", "failed"], skill: "search", limit: 10, after: "abc" },
    "board.follow": { tasks: [task] },
    "board.act": { task, entry },
    "board.acknowledge": { tasks: [task] },
    "board.work": { skills: ["search"], slots: 4, holds: [lease] },
    "board.renew": { leases: [{ ...lease, entry }] },
    "board.complete": { results: [{ ...lease, entry, result: result(signers) }] },
    "board.return": { ...lease, begun: true, code: "closed" },
  };
}

export function boardReplyBodies(
  signers: FixedSigners,
  compacts: Compacts,
): { readonly [Type in BoardRequest]: ReplyBody<Type> } {
  const outcomes = [
    { task, facts: facts(signers) },
    { task: other, error: { code: "lease_ended", message: "The lease has ended." } as const },
  ];
  return {
    "board.submit": { outcomes },
    "board.share": {},
    "board.get": { view: view(signers, compacts) },
    "board.list": { tasks: [facts(signers), waiting(signers)], next: "abc" },
    "board.follow": { outcomes },
    "board.act": { facts: facts(signers) },
    "board.acknowledge": {},
    "board.work": { ended: [ended] },
    "board.renew": { ended: [ended] },
    "board.complete": { outcomes },
    "board.return": {},
  };
}

export function boardPushBodies(
  signers: FixedSigners,
  compacts: Compacts,
): { readonly [Type in BoardPush]: PushBody<Type> } {
  const { input = "", ...changed } = view(signers, compacts);
  return {
    "board.leased": {
      leases: [{ ...lease, lifeMs: 15_000, starts: 1, entries: changed.entries, input, wrap: wrap(signers) }],
    },
    "board.ended": { leases: [ended] },
    "board.changed": { tasks: [changed] },
    "board.wanted": { task, member: signers.member.id },
  };
}
