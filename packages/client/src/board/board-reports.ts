import {
  type BoardEntry,
  type BoardSealer,
  type BoardSpeaker,
  type MeshTrust,
  sha256,
  signBoardAct,
  type VerifiedMember,
} from "@parley/core";
import {
  type BoardOutput,
  type ErrorCode,
  limits,
  ParleyError,
  type PushBody,
  type RequestBody,
  type Task,
  toParleyError,
} from "@parley/protocol";

import type { OwnDevices } from "../own-devices.ts";
import type { Session } from "../session.ts";
import { wireErrorOf } from "../tasks/held-task.ts";

export interface BoardReportsOptions {
  readonly own: OwnDevices;
  readonly trust: Pick<MeshTrust, "mesh">;
  readonly session: Pick<Session, "registryTime">;
  readonly sealer: BoardSealer;
}

export type BoardLease = PushBody<"board.leased">["leases"][number];
export type BoardCompleted = RequestBody<"board.complete">["results"][number];

/** How work ended. */
export interface BoardEnd {
  readonly task: Task;
  readonly error: ParleyError | undefined;
}

const encoder = new TextEncoder();
/** Room for what sealing adds. */
const sealBytes = 64;

/** What a worker says of its work: signed, the result sealed to the asker. */
export class BoardReports {
  readonly #options: BoardReportsOptions;

  constructor(options: BoardReportsOptions) {
    this.#options = options;
  }

  started({ generation }: BoardLease, head: BoardEntry): Promise<BoardEntry> {
    return signBoardAct(this.#speaker(head), head, { type: "started", generation });
  }

  /** A result that is larger than the board takes is a failure. */
  async completed(
    lease: BoardLease,
    asker: VerifiedMember,
    head: BoardEntry,
    { task, error }: BoardEnd,
  ): Promise<BoardCompleted> {
    if (error !== undefined) return this.#sign(lease, asker, head, { error: wireErrorOf(error) }, error.code);
    try {
      return await this.#sign(lease, asker, head, { task }, undefined);
    } catch (cause) {
      const larger = toParleyError(cause);
      if (larger.code !== "too_large") throw cause;
      return this.#sign(lease, asker, head, { error: wireErrorOf(larger) }, larger.code);
    }
  }

  async #sign(
    { task, generation }: BoardLease,
    { member, encryption }: VerifiedMember,
    head: BoardEntry,
    output: BoardOutput,
    code: ErrorCode | undefined,
  ): Promise<BoardCompleted> {
    const content = encoder.encode(JSON.stringify(output));
    if (content.length > limits.boardResultBytes - sealBytes)
      throw new ParleyError("too_large", {
        message: "The result is larger than the board takes; attach it as a file.",
      });
    const result = await this.#options.sealer.sealResult(content, { member, encryption }, task);
    const said = { generation, result: await sha256(result.sealed) };
    const act =
      code === undefined ? { type: "completed" as const, ...said } : { type: "failed" as const, ...said, code };
    const { compact } = await signBoardAct(this.#speaker(head), head, act);
    return { task, generation, entry: compact, result };
  }

  /** Never before what it follows on. */
  #speaker(head: BoardEntry): BoardSpeaker {
    const { own, trust, session } = this.#options;
    const iat = Math.round(Math.max(session.registryTime, head.statement.iat));
    return { mesh: trust.mesh, by: own.identity.member, signer: own.identity.device, iat };
  }
}
