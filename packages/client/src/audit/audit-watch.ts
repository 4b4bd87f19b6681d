/**
 * An operator's device as a witness: whenever its node says that the audit log has grown, it verifies what is new against what it
 * and others saw before, remembers how far it came, and leaves a signed witness of it. What does not hold is told, and stands until
 * an operator accepts the log as it is.
 */
import { type Clock, type MeshTrust, signStatement, type Timer, verifyByNode } from "@parley/core";
import { type AuditMark, isParleyError, type Role, toParleyError } from "@parley/protocol";

import type { DeviceApi } from "../device-api.ts";
import type { Identity } from "../identity.ts";
import type { Notices } from "../notices.ts";
import type { AuditAlert, AuditMemory } from "./audit-memory.ts";
import { AuditReader, type AuditView } from "./audit-reader.ts";

export interface AuditWatchOptions {
  readonly device: Pick<DeviceApi, "request" | "memberOf">;
  readonly identity: () => Identity;
  readonly trust: MeshTrust;
  readonly memory: AuditMemory;
  readonly clock: Clock;
  readonly notices: Notices;
}

/** The node of a session, as its welcome proved it. */
export interface WelcomedNode {
  readonly node: string;
  readonly nodeKey: string;
  /** One's own, as the node shows one's admission. */
  readonly roles: readonly Role[];
}

/** Pause between two looks, unless a head looks wrong. */
const lookEveryMs = 2000;
/** Pause between two witnesses. */
const witnessEveryMs = 2000;

export class AuditWatch {
  readonly #options: AuditWatchOptions;
  readonly #reader: AuditReader;
  #welcomed: WelcomedNode | undefined;
  #timer: Timer | undefined;
  #looking: Promise<void> | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #witnessedAt = Number.NEGATIVE_INFINITY;
  #witnessed = 0;
  #told: string | undefined;
  #isStopped = false;

  constructor(options: AuditWatchOptions) {
    this.#options = options;
    this.#reader = new AuditReader({ device: options.device, trust: () => options.trust });
  }

  /** A session begins. */
  onSession(welcomed: WelcomedNode): void {
    this.#welcomed = welcomed;
    this.#told = undefined;
    this.#begin(welcomed).catch(this.#options.notices.failed);
  }

  /** The node says that the log has grown. One that goes back, or is signed by another key, is looked into at once. */
  onHead(compact: string): void {
    this.#onHead(compact).catch(this.#options.notices.failed);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** Whoever was an operator before asks as well: what a node says of one's roles is its word. */
  async #begin({ node, roles }: WelcomedNode): Promise<void> {
    const isOperator = roles.some((role) => role === "operator" || role === "admin");
    if (isOperator || (await this.#options.memory.get(node)).mark !== undefined) this.#lookIn(0);
  }

  async #onHead(compact: string): Promise<void> {
    const welcomed = this.#welcomed;
    if (welcomed === undefined) return;
    const { trust, memory } = this.#options;
    const { node, nodeKey: key } = welcomed;
    try {
      const { number, hash, epoch } = await verifyByNode("head", compact, { mesh: trust.mesh, node, key });
      const { mark } = await memory.get(node);
      const isOdd =
        mark !== undefined &&
        (number < mark.number || epoch !== mark.epoch || (number === mark.number && hash !== mark.hash));
      this.#lookIn(isOdd ? 0 : this.#lookedAt + lookEveryMs - this.#options.clock.monotonic());
    } catch (error) {
      await this.#forged(node, error);
    }
  }

  #lookIn(ms: number): void {
    if (this.#isStopped || (this.#timer !== undefined && ms > 0)) return;
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimer(Math.max(0, ms), () => {
      this.#timer = undefined;
      this.#looking = (this.#looking ?? Promise.resolve()).then(() => this.#look());
    });
  }

  async #look(): Promise<void> {
    const { memory, clock, notices } = this.#options;
    const welcomed = this.#welcomed;
    if (welcomed === undefined || this.#isStopped) return;
    const { node } = welcomed;
    this.#lookedAt = clock.monotonic();
    try {
      const { mark, alert, accepted } = await memory.get(node);
      if (alert !== undefined) return this.#tell(node, alert);
      const view = await this.#reader.open(accepted);
      if (view.node.node === node) await this.#verify(view, mark, accepted);
    } catch (error) {
      const { code, retryable } = toParleyError(error);
      if (
        isParleyError(error) &&
        ["bad_signature", "wrong_mesh", "audit_broken", "registry_key_mismatch"].includes(code)
      )
        return this.#forged(node, error);
      // Not an operator any more, a node of an earlier version, a session that ended: the next one looks again.
      if (retryable || ["forbidden", "not_found", "unsupported_operation"].includes(code))
        notices.log("debug", "audit", { code });
      else notices.failed(error);
    }
  }

  async #verify(view: AuditView, mark: AuditMark | undefined, accepted: number | undefined): Promise<void> {
    const { memory, clock } = this.#options;
    const { node } = view.node;
    const known = this.#reader.judge(view, mark);
    const { flaw } =
      known === undefined
        ? await this.#reader.walk(view, mark, { onMark: (reached) => memory.put(node, { mark: reached, accepted }) })
        : { flaw: known };
    if (flaw !== undefined) {
      const { kind, entry, to, says } = flaw;
      const alert: AuditAlert = { kind, entry, says, at: clock.now(), ...(to === undefined ? {} : { to }) };
      this.#tell(node, alert);
      // What went in order is told once; the log goes on from there.
      if (kind !== "gap") return memory.put(node, { mark, alert, accepted });
    }
    const { number, hash, epoch } = view.head;
    await memory.put(node, { mark: { node, epoch, number, hash }, accepted });
    await this.#witness(view);
  }

  async #witness({ head: { node, epoch, number, hash } }: AuditView): Promise<void> {
    const { device, identity, trust, clock } = this.#options;
    if (number === this.#witnessed) return;
    const wait = this.#witnessedAt + witnessEveryMs - clock.monotonic();
    if (wait > 0) return this.#lookIn(wait);
    this.#witnessedAt = clock.monotonic();
    const { member, device: signer } = identity();
    const { mesh } = trust;
    const statement = { mesh, member, device: signer.id, node, epoch, number, hash, iat: clock.now() };
    await device.request("audit.witness", { witness: await signStatement("witness", statement, signer) });
    this.#witnessed = number;
  }

  async #forged(node: string, error: unknown): Promise<void> {
    const { memory, clock } = this.#options;
    const says = `What the node signed about its audit log does not hold: ${toParleyError(error).message}`.slice(
      0,
      500,
    );
    const { mark, alert: before, accepted } = await memory.get(node);
    const alert: AuditAlert = before ?? { kind: "forged", entry: mark?.number ?? 0, says, at: clock.now() };
    this.#tell(node, alert);
    await memory.put(node, { mark, alert, accepted });
  }

  /** Once in a session. */
  #tell(node: string, alert: AuditAlert): void {
    const key = `${alert.kind} ${alert.entry} ${alert.at}`;
    if (this.#told === key) return;
    this.#told = key;
    const { notices } = this.#options;
    const { kind, entry, to, says } = alert;
    notices.log("warn", "audit", { kind, entry });
    notices.emit({ type: "audit", node, kind, entry, message: says, ...(to === undefined ? {} : { to }) });
  }
}
