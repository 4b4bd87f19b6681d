/** What a change of a member's record means for the audit: one place, whichever way the change came. */
import { peekStatement, sha256 } from "@parley/core";
import type { AuditBy } from "@parley/protocol";

import type { StoredMember } from "../stored-member.ts";
import type { AuditRecorder } from "./audit-trail.ts";

export interface MemberActsOptions {
  readonly audit: AuditRecorder;
  /** The newest revocation list in compact form. */
  readonly revocations: () => string | undefined;
}

export class MemberActs {
  readonly #options: MemberActsOptions;

  constructor(options: MemberActsOptions) {
    this.#options = options;
  }

  /** Writes down what is other than before. Resolves when it is on disk. */
  async changed(member: string, before: StoredMember | undefined, after: StoredMember): Promise<void> {
    await Promise.all([
      this.#admitted(member, before, after),
      this.#revoked(member, before, after),
      ...(before === undefined ? [] : [this.#statements(member, before, after)]),
    ]);
  }

  async #admitted(member: string, before: StoredMember | undefined, { record }: StoredMember): Promise<void> {
    if (before?.record.admission === record.admission) return;
    const { signer, name, kind, roles, number, grant } = peekStatement("admission", record.admission);
    const facts = { name, kind, roles: roles.join(","), number };
    // By a pre-approved link the admission is signed with the invite's key; the operator's word is its grant.
    const given = grant === undefined ? undefined : peekStatement("grant", grant);
    await this.#options.audit.record({
      act: "member.admitted",
      by:
        given === undefined
          ? await byStatement(signer, record.admission)
          : await byStatement(given.signer, grant ?? ""),
      subject: member,
      facts: given === undefined ? facts : { ...facts, invite: given.invite },
    });
  }

  async #revoked(member: string, before: StoredMember | undefined, { revoked }: StoredMember): Promise<void> {
    const list = this.#options.revocations();
    if (revoked === undefined || before?.revoked !== undefined || list === undefined) return;
    const { signer, number } = peekStatement("revocations", list);
    const by = await byStatement(signer, list);
    await this.#options.audit.record({ act: "member.revoked", by, subject: member, facts: { list: number } });
  }

  async #statements(member: string, { record: old }: StoredMember, { record }: StoredMember): Promise<void> {
    const { audit } = this.#options;
    const by = { member };
    const written: Promise<void>[] = [];
    if (record.rotations.length > old.rotations.length)
      written.push(
        audit.record({ act: "key.rotated", by, subject: member, facts: { number: record.rotations.length } }),
      );
    if (record.devices !== old.devices) {
      const [known, listed] = [devicesIn(old.devices), devicesIn(record.devices)];
      const { number } = peekStatement("devices", record.devices);
      for (const subject of listed.filter((device) => !known.includes(device)))
        written.push(audit.record({ act: "device.added", by, subject, facts: { list: number } }));
      for (const subject of known.filter((device) => !listed.includes(device)))
        written.push(audit.record({ act: "device.removed", by, subject, facts: { list: number } }));
    }
    if (record.card !== undefined && record.card !== old.card) {
      const { number } = peekStatement("card", record.card);
      written.push(audit.record({ act: "card.published", by, subject: member, facts: { number } }));
    }
    await Promise.all(written);
  }
}

const devicesIn = (list: string): readonly string[] =>
  peekStatement("devices", list).devices.map(({ device }) => device);

const byStatement = async (operator: string, compact: string): Promise<AuditBy> => ({
  operator,
  statement: await sha256(compact),
});
