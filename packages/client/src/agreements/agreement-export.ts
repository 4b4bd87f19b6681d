/** An agreement as a file that verifies offline. */
import { exportTimeline, membersOf, type MeshTrust, partyOf, type TimelineParty } from "@parley/core";

import type { Directory } from "../directory.ts";
import type { AgreementBook, HeldAgreement } from "./agreement-book.ts";

export interface AgreementExportOptions {
  readonly book: AgreementBook;
  readonly trust: MeshTrust;
  readonly directory: Pick<Directory, "known">;
}

/** Everybody who has a part in it is in the file as far as this device can prove who that is. */
export function exportAgreement(
  { book, trust, directory }: AgreementExportOptions,
  subject: string,
  { acts, facts }: HeldAgreement,
): string {
  const parties = new Map<string, TimelineParty>();
  for (const member of facts === undefined ? [] : membersOf(facts)) {
    const record = directory.known(member)?.verified.record;
    const party = book.party(member) ?? (record && partyOf(record));
    if (party !== undefined) parties.set(member, party);
  }
  const { mesh, operators } = trust;
  return exportTimeline({ kind: "agreement", mesh, subject, operators: operators.chain, parties, entries: acts });
}
