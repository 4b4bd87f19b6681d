import type { AgreementSummary, ContactView, PendingMember } from "@parley/client";
import { isParleyError, visible } from "@parley/protocol";

import { memberText, shortAgreement } from "../agreement-view.ts";
import { type ApprovalFacts, factsJson, factsOf, leftText, nextText, whatText } from "../approval-view.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { nameOf } from "../delivery-table.ts";
import { formatDuration } from "../duration.ts";
import { type OpenDevice, withDevice } from "../open-device.ts";
import { watchWaiting } from "../waiting-watch.ts";

/** One thing that waits for this person, in a form for programs and one for people. */
interface Waiting {
  /** The same thing has the same key. */
  readonly key: string;
  readonly json: object;
  readonly what: string;
  readonly next: string;
}

/** Lists all that waits for this person's decision: members, approvals, questions, strangers, agreements. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  if (input.switch("follow")) return follow(context);
  return withDevice(context, async (opened) => {
    const waiting = await allOf(opened);
    out.result({ waiting: waiting.map(({ json }) => json) }, () => {
      if (waiting.length === 0) return out.line("Nothing waits for you.");
      for (const one of waiting) print(context, one);
    });
    return 0;
  });
};

function follow(context: CommandContext): ReturnType<CommandModule["run"]> {
  const shown = new Set<string>();
  const show = async (opened: OpenDevice): Promise<void> => {
    for (const one of await allOf(opened)) {
      if (shown.has(one.key)) continue;
      shown.add(one.key);
      if (context.out.json) context.out.event(one.json, "");
      else print(context, one);
    }
  };
  return watchWaiting(context, {
    begin: async (opened) => {
      await show(opened);
      context.out.note(`@${opened.device.name} waits for what comes. Ctrl-C stops it.`);
    },
    take: async ({ type }, opened) => {
      if (type === "approval-asked" || type === "pairing-pending" || type === "contact" || type === "agreement")
        await show(opened);
    },
  });
}

function print({ out }: CommandContext, { what, next }: Waiting): void {
  out.line(visible(what).replaceAll("\n", " "));
  out.line(out.style("dim", `  ${next}`));
}

async function allOf({ device, operator }: OpenDevice): Promise<readonly Waiting[]> {
  const [pending, asked, contacts, agreements] = await Promise.all([
    operator.pending().catch(noneFor),
    device.approvals.list(),
    device.conversations.contacts("request"),
    device.agreements.list(),
  ]);
  return [
    ...pending.map(ofPending),
    ...(await Promise.all(asked.map(async (one) => ofApproval(await factsOf(device, one))))),
    ...contacts.map(ofContact),
    ...agreements.filter(isDue).map(ofAgreement),
  ];
}

/** Who is no operator has no admissions to decide. */
function noneFor(error: unknown): readonly PendingMember[] {
  if (isParleyError(error) && error.code === "forbidden") return [];
  throw error;
}

/** Acts that the other side waits for. */
const answers: ReadonlySet<string> = new Set(["accept", "accept-work", "resolve"]);
const isDue = ({ mayDo }: AgreementSummary): boolean => mayDo.some((act) => answers.has(act));

const ofAgreement = ({ agreement, number, state, terms, names, proposedBy, mayDo }: AgreementSummary): Waiting => ({
  key: `agreement ${agreement} ${number}`,
  json: { type: "agreement", agreement, number, state, terms, names, mayDo },
  what: `agreement  ${shortAgreement(agreement)}  ${state}, proposed by ${memberText(names, proposedBy)}: ${terms.task}`,
  next: mayDo.map((act) => `parley agreement ${act} ${shortAgreement(agreement)}`).join(", "),
});

const ofPending = (pending: PendingMember): Waiting => ({
  key: `admission ${pending.pairing}`,
  json: { type: "admission", ...pending },
  what: `admission  @${pending.name} (${pending.kind}, ${pending.label}, from ${pending.address}) waits for ${formatDuration(Math.max(0, Date.now() - pending.since))}; its words: ${pending.words}`,
  next: `parley member approve ${pending.name}, or parley member reject ${pending.name}`,
});

const ofApproval = (facts: ApprovalFacts): Waiting => ({
  key: `approval ${facts.asked.request}`,
  json: { type: facts.asked.what.type === "question" ? "question" : "approval", ...factsJson(facts) },
  what: `${facts.asked.what.type === "question" ? "question " : "approval "}  ${facts.id}  ${whatText(facts)}  (${leftText(facts.asked.expires, Date.now())} left)`,
  next: nextText(facts),
});

const ofContact = ({ member, name }: ContactView): Waiting => ({
  key: `stranger ${member}`,
  json: { type: "stranger", member, name },
  what: `stranger   ${nameOf(name, member)} wrote and waits to be accepted`,
  next: `parley contact accept ${nameOf(name, member)}, or parley contact block ${nameOf(name, member)}`,
});
