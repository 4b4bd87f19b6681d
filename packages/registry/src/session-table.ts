import type { Session } from "./session.ts";

/** The sessions at this node: those that are not proven yet by where they come from, and the proven ones by device and member. */
export class SessionTable {
  /** Of each address, oldest first. */
  readonly #unproven = new Map<string, Set<Session>>();
  #unprovenCount = 0;
  readonly #devices = new Map<string, Session>();
  readonly #members = new Map<string, Set<Session>>();

  addUnproven(session: Session): void {
    this.#unproven.set(session.group, (this.#unproven.get(session.group) ?? new Set()).add(session));
    this.#unprovenCount++;
  }

  removeUnproven(session: Session): void {
    const own = this.#unproven.get(session.group);
    if (own?.delete(session) !== true) return;
    this.#unprovenCount--;
    if (own.size === 0) this.#unproven.delete(session.group);
  }

  /**
   * Who has to give way before one more of this address is taken: the oldest of the address when it has as many as it may, the oldest of
   * the address that has most when there are too many in all. Whoever floods displaces itself.
   */
  inTheWay(group: string, perAddress: number, inTotal: number): Session | undefined {
    const own = this.#unproven.get(group);
    if (own !== undefined && own.size >= perAddress) return first(own);
    if (this.#unprovenCount < inTotal) return undefined;
    let most: ReadonlySet<Session> = new Set();
    for (const sessions of this.#unproven.values()) if (sessions.size > most.size) most = sessions;
    return first(most);
  }

  get size(): number {
    return this.#devices.size;
  }

  /** Puts a proven session in the place of an older one of its device, which is returned. */
  put(member: string, device: string, session: Session): Session | undefined {
    const older = this.#devices.get(device);
    if (older !== undefined) this.remove(member, device, older);
    this.#devices.set(device, session);
    this.#members.set(member, (this.#members.get(member) ?? new Set()).add(session));
    return older;
  }

  /** True if this session was the one of its device. */
  remove(member: string, device: string, session: Session): boolean {
    const sessions = this.#members.get(member);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#members.delete(member);
    if (this.#devices.get(device) !== session) return false;
    this.#devices.delete(device);
    return true;
  }

  ofDevice(device: string): Session | undefined {
    return this.#devices.get(device);
  }

  /** Longest connected first. */
  ofMember(member: string): readonly Session[] {
    return [...(this.#members.get(member) ?? [])];
  }

  ofOperators(): readonly Session[] {
    return this.proven().filter(({ identity }) =>
      identity?.roles.some((role) => role === "operator" || role === "admin"),
    );
  }

  proven(): readonly Session[] {
    return [...this.#devices.values()];
  }

  everyone(): readonly Session[] {
    return [...[...this.#unproven.values()].flatMap((sessions) => [...sessions]), ...this.#devices.values()];
  }
}

const first = (sessions: ReadonlySet<Session>): Session | undefined => sessions.values().next().value;
