import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import {
  awaitAdmission,
  createIdentityDraft,
  Device,
  type IdentityDraft,
  type JoinedMesh,
  Operator,
  pairWithLink,
} from "@parley/client";
import {
  type Clock,
  createSigner,
  exportSigner,
  type Journal,
  openMemoryJournal,
  type Signer,
  systemClock,
} from "@parley/core";
import { formatInviteLink, parseInviteLink } from "@parley/protocol";
import type { RegistryBounds } from "@parley/registry";

import { Events, LinkControl, until } from "./device-fixture.ts";

const program = new URL("./registry-process.ts", import.meta.url);

export interface ProcessMember {
  readonly device: Device;
  readonly joined: JoinedMesh;
  readonly events: Events;
  readonly links: LinkControl;
  readonly journal: Journal;
}

export interface ProcessMeshOptions {
  /** Default: the platform's. */
  readonly clock?: Clock;
  /** File by which the registry's clock is moved, see `MovesFile`. */
  readonly moves?: string;
  /** Bounds of the registry that differ from its own. */
  readonly bounds?: Partial<RegistryBounds>;
}

/** A mesh whose registry is a process of its own on SQLite, so that it can be killed. */
export class ProcessMesh implements AsyncDisposable {
  readonly #folder: string;
  readonly #nodeKey: Signer;
  readonly #stored: string;
  readonly #clock: Clock;
  readonly #settings: readonly string[];
  readonly #members: ProcessMember[] = [];
  #child: ChildProcess | undefined;
  #operator: ProcessMember | undefined;
  #origin = "";

  private constructor(folder: string, nodeKey: Signer, stored: string, options: ProcessMeshOptions) {
    this.#folder = folder;
    this.#nodeKey = nodeKey;
    this.#stored = stored;
    this.#clock = options.clock ?? systemClock;
    const { bounds = {}, moves } = options;
    this.#settings = [JSON.stringify(bounds), ...(moves === undefined ? [] : [moves])];
  }

  static async start(options: ProcessMeshOptions = {}): Promise<ProcessMesh> {
    const nodeKey = await createSigner("node");
    const folder = await mkdtemp(path.join(tmpdir(), "parley-registry-"));
    const mesh = new ProcessMesh(folder, nodeKey, await exportSigner(nodeKey), options);
    await mesh.#claim(await mesh.restart());
    return mesh;
  }

  get origin(): string {
    return this.#origin;
  }

  /** Starts the registry on the port it had and waits for the operator; answers its one-time secret. */
  async restart(): Promise<string> {
    const port = this.#origin === "" ? "0" : new URL(this.#origin).port;
    this.#child = fork(program, [this.#folder, this.#stored, port, ...this.#settings], { execArgv: [] });
    const [ready] = (await once(this.#child, "message")) as [{ origin: string; claimSecret?: string }];
    this.#origin = ready.origin;
    const operator = this.#operator?.device;
    if (operator !== undefined) await until(() => operator.state === "connected");
    return ready.claimSecret ?? "";
  }

  /** Ends the registry as a power cut would. */
  async kill(): Promise<void> {
    if (this.#child === undefined) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
    this.#child = undefined;
  }

  async join(name: string, withLinks = true): Promise<ProcessMember> {
    const draft = await createIdentityDraft({ name, kind: "agent", label: "test" });
    return this.open(await this.admit(draft), withLinks);
  }

  /** Lets a new member in, whose device is opened elsewhere. */
  async admit(draft: IdentityDraft): Promise<JoinedMesh> {
    const pending = await pairWithLink(draft, parseInviteLink(await this.invite()), { clock: this.#clock });
    if (!("pairing" in pending)) throw new Error("an invite asks to join");
    await this.approve(pending.pairing);
    return awaitAdmission(pending, { clock: this.#clock });
  }

  /** A link for a new member. */
  async invite(): Promise<string> {
    return (await this.#acts().createInvite({ kind: "link" })).text;
  }

  /** Lets in who asks: by name or pairing. */
  async approve(who: string): Promise<void> {
    const operator = this.#acts();
    await operator.approve(await operator.pendingOf(who));
  }

  #acts(): Operator {
    if (this.#operator === undefined) throw new Error("nobody has claimed the mesh");
    const { device, joined } = this.#operator;
    return new Operator({
      device,
      root: joined.identity.root,
      trust: () => joined.trust,
      registry: this.#origin,
      clock: this.#clock,
    });
  }

  async open(joined: JoinedMesh, withLinks = true, journal: Journal = openMemoryJournal()): Promise<ProcessMember> {
    const links = new LinkControl();
    const { identity, trust } = joined;
    const device = await Device.open({
      strangers: "take",
      identity,
      trust,
      registry: this.#origin,
      journal,
      clock: this.#clock,
      ...(withLinks ? { links: { factory: links } } : {}),
    });
    const member = { device, joined, links, journal, events: new Events(device) };
    this.#members.push(member);
    await device.start();
    return member;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#members.map(({ device }) => device.stop()));
    await this.kill();
    await Promise.all(this.#members.map(({ links }) => links.close()));
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #claim(secret: string): Promise<void> {
    const payload = { v: 1 as const, kind: "claim" as const, secret, node: this.#nodeKey.id };
    const link = formatInviteLink({ registry: this.#origin, payload });
    const draft = await createIdentityDraft({ name: "op", kind: "person", label: "test" });
    const joined = await pairWithLink(draft, parseInviteLink(link), { clock: this.#clock });
    if (!("admission" in joined)) throw new Error("a claim admits at once");
    this.#operator = await this.open(joined, false);
  }
}
