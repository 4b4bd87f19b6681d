/** Verifies an exported audit log against the operators of its mesh, and names the first place that does not hold. */
import { isParleyError, ParleyError, type Statement } from "@parley/protocol";

import { idOfKey } from "../trust/keys.ts";
import { verifyMember } from "../trust/member.ts";
import { type OperatorSet, requireSameChain, verifyByOperator, verifyOperators } from "../trust/operators.ts";
import { peekStatement, verifyStatement } from "../trust/statement.ts";
import { type ReadLine, readBodyLine, readHeader } from "./audit-lines.ts";
import { type AuditNode, placeAfter, verifyByNode } from "./audit-statements.ts";
import { type AuditFlaw, auditStart, AuditWalk } from "./audit-walk.ts";
import { type ChangedCharacter, findChangedCharacter, type QuickHash } from "./changed-character.ts";
import { broken, type FilePlace, type Line, linesOf, textOf } from "./file-lines.ts";

/** What the reader believes in: the mesh, and its operator sets where they are pinned. */
export interface AuditPins {
  readonly mesh: string;
  readonly operators?: OperatorSet;
}

export interface AuditFileReport {
  readonly mesh: string;
  readonly node: string;
  /** Numbers of the oldest and the newest entry. */
  readonly first: number;
  readonly last: number;
  readonly entries: number;
  /** When the head was signed, by the node's clock. */
  readonly signed: number;
  /** Operators' devices that saw the log up to an entry, and proved it. */
  readonly witnesses: readonly { readonly member: string; readonly device: string; readonly number: number }[];
}

/**
 * Verifies a file. Throws `audit_broken` at the first place that does not hold, with `line` and `offset` in its data, and for an entry
 * with `entry` and `kind`; given a `hash`, where one byte was changed, also `byte`, `was` and `is`.
 */
export async function verifyAuditFile(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  pins: AuditPins,
  options: { readonly hash?: QuickHash } = {},
): Promise<AuditFileReport> {
  const file = new AuditFile(pins, options.hash);
  for await (const line of linesOf(chunks)) await file.take(line);
  return file.end();
}

type Place = ReturnType<typeof placeAfter>;
type Stage = "header" | "signed" | "entries" | "done";

class AuditFile {
  readonly #pins: AuditPins;
  readonly #hash: QuickHash | undefined;
  #stage: Stage = "header";
  #node: AuditNode | undefined;
  #operators: OperatorSet | undefined;
  #checkpoint: Statement<"checkpoint"> | undefined;
  #start: Place | undefined;
  #walk: AuditWalk | undefined;
  #head: Statement<"head"> | undefined;
  readonly #witnesses: Statement<"witness">[] = [];
  /** Where the last few entries stood, by their index. */
  readonly #places = new Map<number, FilePlace>();
  #entries = 0;

  constructor(pins: AuditPins, hash: QuickHash | undefined) {
    this.#pins = pins;
    this.#hash = hash;
  }

  async take(line: Line): Promise<void> {
    const text = textOf(line);
    if (this.#stage === "done") throw broken("Something follows the head.", line);
    if (this.#stage === "header") return this.#atPlace(line, () => this.#takeHeader(text));
    const read = readBodyLine(text);
    if (!read.ok) throw broken(`The line cannot be read: ${read.message}.`, line);
    if ("entry" in read.value) return this.#takeEntry(read.value.entry, line);
    const other = read.value;
    await this.#atPlace(line, () => this.#takeSigned(other));
    if ("head" in other) await this.#finish(line);
  }

  end(): AuditFileReport {
    if (this.#stage !== "done" || this.#node === undefined || this.#head === undefined || this.#start === undefined)
      throw new ParleyError("audit_broken", { message: "The file ends before the signed head: its end is missing." });
    const { number, iat } = this.#head;
    return {
      mesh: this.#node.mesh,
      node: this.#node.node,
      first: this.#start.number + 1,
      last: number,
      entries: this.#entries,
      signed: iat,
      witnesses: this.#witnesses.map(({ member, device, number: seen }) => ({ member, device, number: seen })),
    };
  }

  async #takeHeader(text: string): Promise<void> {
    const read = readHeader(text);
    if (!read.ok) throw new ParleyError("audit_broken", { message: `The header cannot be read: ${read.message}.` });
    const { mesh, node, operators: chain, certificate } = read.value;
    const operators = await verifyOperators(chain);
    if (mesh !== this.#pins.mesh || operators.mesh !== mesh) throw new ParleyError("wrong_mesh");
    if (this.#pins.operators !== undefined) requireSameChain(chain, this.#pins.operators.chain);
    const certified = await verifyByOperator("node", certificate, operators);
    if (certified.node !== node || (await idOfKey("node", certified.key)) !== node)
      throw new ParleyError("registry_key_mismatch");
    this.#operators = operators;
    this.#node = { mesh, node, key: certified.key };
    this.#stage = "signed";
  }

  async #takeSigned(line: Exclude<ReadLine, { readonly entry: string }>): Promise<void> {
    const { node, operators } = this.#opened();
    if ("head" in line) {
      this.#head = await verifyByNode("head", line.head, node);
      this.#stage = "done";
    } else if (this.#stage !== "signed") throw new ParleyError("audit_broken", { message: "A line is out of order." });
    else if ("checkpoint" in line) {
      const checkpoint = await verifyByNode("checkpoint", line.checkpoint, node);
      if (this.#checkpoint !== undefined && checkpoint.from !== this.#checkpoint.to + 1)
        throw new ParleyError("audit_broken", { message: "A checkpoint does not follow the one before it." });
      this.#checkpoint = checkpoint;
    } else {
      const { signer: _, ...claimed } = peekStatement("witness", line.witness);
      const member = await verifyMember(line.record, operators, claimed.iat);
      const key = member.devices.get(claimed.device)?.key;
      const isOperator = member.roles.some((role) => role === "operator" || role === "admin");
      if (key === undefined || !isOperator || member.member !== claimed.member || claimed.mesh !== node.mesh)
        throw new ParleyError("bad_signature", { message: "A witness is not by an operator's device." });
      const witness = await verifyStatement("witness", line.witness, key);
      if (witness.node !== node.node || this.#witnesses.some(({ device }) => device === witness.device))
        throw new ParleyError("audit_broken", { message: "A witness is of another log, or stands twice." });
      this.#witnesses.push(witness);
    }
  }

  async #takeEntry(text: string, place: FilePlace): Promise<void> {
    const walk = await this.#begin();
    this.#places.set(this.#entries, { line: place.line, offset: place.offset });
    this.#places.delete(this.#entries - 4);
    this.#entries++;
    await walk.take(text);
    if (walk.flaw !== undefined) throw this.#flawed(walk.flaw, place);
  }

  async #begin(): Promise<AuditWalk> {
    if (this.#walk !== undefined) return this.#walk;
    const { node } = this.#opened();
    this.#start = this.#checkpoint === undefined ? await auditStart(node.node) : placeAfter(this.#checkpoint);
    this.#stage = "entries";
    const seen = this.#witnesses.map(
      ({ number, hash, member }) => [number, { hash, says: `by a device of the operator ${member}` }] as const,
    );
    return (this.#walk = new AuditWalk(node.node, this.#start, new Map(seen)));
  }

  /** The head ends the walk; what a witness saw beyond it is gone. */
  async #finish(line: FilePlace): Promise<void> {
    const walk = await this.#begin();
    this.#stage = "done";
    if (this.#head === undefined) return;
    const { number, epoch } = this.#head;
    const flaw = walk.end(this.#head);
    if (flaw !== undefined) throw this.#flawed(flaw, line);
    const later = this.#witnesses.find((witness) => witness.number > number && witness.epoch === epoch);
    if (later !== undefined)
      throw broken(
        `The log ends at entry ${number}; a device of the operator ${later.member} saw entry ${later.number}.`,
        line,
        { kind: "truncated", entry: number + 1, to: later.number },
      );
  }

  #opened(): { readonly node: AuditNode; readonly operators: OperatorSet } {
    if (this.#node === undefined || this.#operators === undefined)
      throw new ParleyError("audit_broken", { message: "The file has no header." });
    return { node: this.#node, operators: this.#operators };
  }

  #flawed(flaw: AuditFlaw, line: FilePlace): ParleyError {
    const place = flaw.index === undefined ? line : (this.#places.get(flaw.index) ?? line);
    const { kind, entry, to, text, wanted, says } = flaw;
    const changed: ChangedCharacter | undefined =
      text === undefined || wanted === undefined || this.#hash === undefined
        ? undefined
        : findChangedCharacter(text, wanted, this.#hash);
    const facts = {
      kind,
      entry,
      ...(to === undefined ? {} : { to }),
      ...(changed === undefined ? {} : { byte: place.offset + changed.at, was: changed.was, is: changed.is }),
    };
    const where =
      changed === undefined
        ? ""
        : ` Its byte ${changed.at} (byte ${place.offset + changed.at} of the file) is ${JSON.stringify(changed.is)} and was ${JSON.stringify(changed.was)}.`;
    return broken(`${says}${where}`, place, facts);
  }

  /** Whatever is wrong in a line is wrong there. */
  async #atPlace(line: FilePlace, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isParleyError(error)) throw error;
      throw broken(error.message, line, { reason: error.code });
    }
  }
}
