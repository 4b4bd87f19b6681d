/** Says yes or no to what waits. */
import { type AskedApproval, type DeviceApi, findAsked, shortRequest, type StandingTerms } from "@parley/client";
import { limits, ParleyError, visible } from "@parley/protocol";

import { factsOf, whatText } from "./approval-view.ts";
import { withArchive } from "./archive-access.ts";
import type { CommandContext } from "./command-context.ts";
import type { CommandModule } from "./command.ts";
import { askYesNo, isInteractive } from "./terminal.ts";

const defaultStandingMs = 3_600_000;

/** A command that answers the requests that it names, or with `--all-of` all of an agent. */
export const answering =
  (decision: "granted" | "denied"): CommandModule["run"] =>
  (context) =>
    withArchive(context, async ({ device }) => {
      const { out } = context;
      const standing = decision === "granted" ? standingOf(context) : undefined;
      const chosen = await chosenOf(context, device);
      if (decision === "granted" && chosen.length > 1) await confirm(context, device, chosen);
      // One signature lists each of them; what is more than that goes in several.
      for (let at = 0; at < chosen.length; at += limits.approvalDigests)
        await device.approvals.answer(
          chosen.slice(at, at + limits.approvalDigests).map(({ request }) => request),
          decision,
          standing,
        );
      out.result({ decision, requests: chosen.map(({ request }) => request), standing: standing ?? null }, () => {
        for (const { request, from } of chosen)
          out.line(`${shortRequest(request)}  ${decision}; @${visible(from.name)} hears of it.`);
        if (standing !== undefined)
          out.note("`parley approval standing list` shows what is approved for calls to come.");
      });
      return 0;
    });

async function chosenOf({ input }: CommandContext, device: DeviceApi): Promise<readonly AskedApproval[]> {
  const waiting = await device.approvals.list();
  const first = input.optionalArgument("requests");
  const named = first === undefined ? [] : [first, ...input.rest()];
  const all = input.text("all-of");
  if ((all === undefined) === (named.length === 0))
    throw new ParleyError("invalid_argument", { message: "Name requests, or an agent with --all-of, but not both." });
  const actions = waiting.filter(({ what }) => what.type === "action");
  if (all !== undefined) {
    const member = actions.find(({ from }) => `@${from.name}` === all || from.name === all || from.member === all);
    if (member === undefined)
      throw new ParleyError("not_found", {
        message: `Nothing of ${all} waits for a yes; see \`parley approval list\`.`,
      });
    return actions.filter(({ from }) => from.member === member.from.member);
  }
  const found = [...new Set(named.map((text) => findAsked(waiting, text)))];
  const question = found.find(({ what }) => what.type === "question");
  if (question !== undefined)
    throw new ParleyError("invalid_argument", {
      message: `${shortRequest(question.request)} is a question: parley approval reply ${shortRequest(question.request)} TEXT.`,
    });
  return found;
}

function standingOf({ input }: CommandContext): StandingTerms | undefined {
  const uses = input.integer("standing", 1, limits.standingUses);
  const lifeMs = input.duration("for", limits.expiryMs);
  if (uses !== undefined) return { uses, lifeMs: lifeMs ?? defaultStandingMs, sameCaller: !input.switch("any-caller") };
  if (lifeMs !== undefined || input.switch("any-caller"))
    throw new ParleyError("invalid_argument", { message: "--for and --any-caller go with --standing N." });
  return undefined;
}

async function confirm(
  { input, signal, out }: CommandContext,
  device: DeviceApi,
  chosen: readonly AskedApproval[],
): Promise<void> {
  if (input.switch("yes")) return;
  for (const asked of chosen) {
    const facts = await factsOf(device, asked);
    out.note(`${facts.id}  ${visible(whatText(facts)).replaceAll("\n", " ")}`);
  }
  if (!isInteractive())
    throw new ParleyError("invalid_argument", {
      message: `This grants ${chosen.length} requests; --yes says that it shall.`,
    });
  if (!(await askYesNo(`Grant these ${chosen.length}?`, signal)))
    throw new ParleyError("canceled", { message: "Nothing was granted." });
}
