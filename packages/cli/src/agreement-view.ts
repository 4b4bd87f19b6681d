/** What a person sees of agreements. */
import type { AgreementActView, AgreementSummary, AgreementView } from "@parley/client";
import { visible } from "@parley/protocol";

import { priceText } from "./agreement-terms.ts";
import type { CommandContext } from "./command-context.ts";
import { formatDuration } from "./duration.ts";
import { formatTime } from "./moment.ts";
import { shorten } from "./presenter.ts";

const shortCharacters = 8;
const taskCharacters = 60;

/** As lists show an id; commands take any beginning of it. */
export const shortAgreement = (agreement: string): string => agreement.slice(0, shortCharacters);

const oneLine = (text: string): string => visible(text).replaceAll("\n", " ");

export const memberText = (names: Readonly<Record<string, string>>, member: string | undefined): string => {
  if (member === undefined) return "whoever takes it";
  const name = names[member];
  return name === undefined ? member.slice(0, 12) : `@${name}`;
};

const leftText = ({ until }: AgreementSummary): string =>
  until === undefined ? "" : until < Date.now() ? "over" : formatDuration(until - Date.now());

export function agreementTable({ out }: CommandContext, agreements: readonly AgreementSummary[], own: string): void {
  out.table(
    ["ID", "STATE", "WITH", "PRICE", "TIME LEFT", "TASK"],
    agreements.map((one) => [
      shortAgreement(one.agreement),
      one.pending === undefined ? one.state : `${one.state} (${one.pending} waits)`,
      memberText(one.names, one.proposer === own ? one.recipient : one.proposer),
      one.terms.price === undefined ? "" : priceText(one.terms.price),
      leftText(one),
      shorten(oneLine(one.terms.task), taskCharacters),
    ]),
    { cutLast: true },
  );
}

/** One act in one line. */
export function actText({ act, by, name }: AgreementActView): string {
  const who = name === undefined ? by.slice(0, 12) : `@${name}`;
  const says = [
    ...("terms" in act && act.terms.price !== undefined ? [priceText(act.terms.price)] : []),
    ...(act.type === "resolve" ? [`for ${act.outcome.for}`] : []),
    ...("reason" in act && act.reason !== undefined ? [`“${act.reason}”`] : []),
    ...("note" in act && act.note !== undefined ? [`“${act.note}”`] : []),
    ...("payment" in act && act.payment !== undefined ? [`paid by ${act.payment}`] : []),
  ];
  return oneLine([`${act.type} by ${who}`, ...says].join("  "));
}

export function printAgreement({ out }: CommandContext, view: AgreementView): void {
  const { agreement, state, terms, names, expiredIn, outcome, evidence } = view;
  const row = (name: string, says: string | undefined): void => {
    if (says !== undefined) out.line(`  ${out.style("dim", name.padEnd(10))} ${oneLine(says)}`);
  };
  const ended = expiredIn === undefined ? "" : ` while it was ${expiredIn}`;
  out.line(`${out.style("bold", shortAgreement(agreement))}  ${state}${ended}`);
  row("task", terms.task);
  row("asker", memberText(names, view.asker));
  row("worker", memberText(names, view.worker));
  row("arbiter", view.arbiter === undefined ? undefined : memberText(names, view.arbiter));
  row("skill", terms.skill);
  row("price", terms.price && priceText(terms.price));
  row("payment", terms.payment);
  row("conditions", terms.conditions);
  row("deadline", terms.deadline === undefined ? undefined : formatTime(terms.deadline));
  row("time left", view.until === undefined ? undefined : leftText(view));
  row("outcome", outcome && state === "resolved" ? `for ${outcome.for}` : undefined);
  for (const { digest, label, url } of evidence) row("evidence", [label, url, digest].filter(Boolean).join("  "));
  out.line();
  for (const act of view.acts) out.line(`  ${String(act.number).padStart(2)}  ${formatTime(act.at)}  ${actText(act)}`);
  if (view.pending !== undefined) out.note(`${view.pending} is kept and waits for the registry.`);
  if (view.mayDo.length > 0)
    out.note(`You may: ${view.mayDo.map((act) => `parley agreement ${act} ${shortAgreement(agreement)}`).join(", ")}`);
}
