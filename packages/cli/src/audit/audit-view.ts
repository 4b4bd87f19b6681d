/** Entries of the audit log as people read them. */
import type { DeviceApi } from "@parley/client";
import { type AuditEntry, decodeAuditEntry, id32Schema, type RequestBody } from "@parley/protocol";

import { formatTime } from "../moment.ts";

export const auditHeadings = ["ENTRY", "TIME", "ACT", "BY", "ON", "OUTCOME", "FACTS"];

/** The row of an entry. `nameOf` gives a member's name where it has one now. */
export function auditRow(entry: AuditEntry, nameOf: (id: string) => string): readonly string[] {
  const { seq, at, act, outcome, subject = "", facts = {}, count } = entry;
  const words = Object.entries(facts).map(([name, value]) => `${name}=${nameOf(String(value))}`);
  return [
    String(seq),
    formatTime(at),
    act,
    byText(entry, nameOf),
    nameOf(subject),
    outcome,
    [...(count === undefined ? [] : [`${count} times`]), ...words].join(" "),
  ];
}

function byText({ by }: AuditEntry, nameOf: (id: string) => string): string {
  if ("member" in by) return nameOf(by.member);
  if ("operator" in by) return `${nameOf(by.operator)} by statement`;
  if ("address" in by) return by.address === "*" ? "several addresses" : by.address;
  return "the node";
}

/** An entry as a program reads it; a text that is none, as it is. */
export function auditJson(text: string): unknown {
  const entry = decodeAuditEntry(text);
  return entry.ok ? entry.value : { unreadable: text };
}

/** Names of the members in entries: looked up once each. Whoever is out of the mesh stays an id. */
export class AuditNames {
  readonly #device: Pick<DeviceApi, "memberOf">;
  readonly #names = new Map<string, string>();

  constructor(device: Pick<DeviceApi, "memberOf">) {
    this.#device = device;
  }

  async learn(entries: readonly AuditEntry[]): Promise<void> {
    for (const { by, subject, facts = {} } of entries) {
      const members = "member" in by ? [by.member] : "operator" in by ? [by.operator] : [];
      for (const id of [...members, subject, facts["member"]])
        if (typeof id === "string" && id32Schema.safeParse(id).success) await this.#learnOne(id);
    }
  }

  readonly of = (id: string): string =>
    this.#names.get(id) ?? (id32Schema.safeParse(id).success ? `${id.slice(0, 9)}…` : id);

  async #learnOne(id: string): Promise<void> {
    if (this.#names.has(id)) return;
    const name = await this.#device.memberOf(id).then(
      (member) => `@${member.name}`,
      () => `${id.slice(0, 9)}…`,
    );
    this.#names.set(id, name);
  }
}

/** What `--act`, `--by`, `--since` and `--until` ask for. */
export type AuditFilter = Pick<RequestBody<"audit.list">, "act" | "by" | "since" | "until">;
