import type { Session } from "./session.ts";

/** The sessions at this node: those that are not proven yet, oldest first, and the proven ones by device and member. */
export class SessionTable {
  readonly #unproven = new Set<Session>();
  readonly #devices = new Map<string, Session>();
  readonly #members = new Map<string, Set<Session>>();

  addUnproven(session: Session): void {
    this.#unproven.add(session);
  }

  removeUnproven(session: Session): void {
    this.#unproven.delete(session);
  }

  get unprovenCount(): number {
    return this.#unproven.size;
  }

  oldestUnproven(): Session | undefined {
    return this.#unproven.values().next().value;
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
    return [...this.#unproven, ...this.#devices.values()];
  }
}
