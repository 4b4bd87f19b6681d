/** `parley member pause`, `stop`, `mute`, `ban`, and what lifts each of them. */
import type { MemberView } from "@parley/client";
import { limits, ParleyError, type RestrictionKind } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { formatTime } from "../moment.ts";
import { type OpenDevice, withDevice } from "../open-device.ts";

const restrict = (kind: RestrictionKind): CommandModule => ({
  run: (context) =>
    withDevice(context, async (opened) => {
      const { input, out } = context;
      const forMs = input.duration("for", limits.restrictionMs);
      const reason = input.text("reason");
      const who = await wanted(context, opened);
      const until = forMs === undefined ? undefined : Date.now() + forMs;
      const number = await opened.operator.orders.restrict(
        who === "agents" ? who : who.map(({ member }) => member),
        kind,
        {
          ...(until === undefined ? {} : { until }),
          ...(reason === undefined ? {} : { reason }),
        },
      );
      out.result({ kind, ...resultOf(who), ...(until === undefined ? {} : { until }), number }, () => {
        const end = until === undefined ? "until that is lifted" : `until ${formatTime(until).slice(0, -4)}`;
        out.line(
          `${namesOf(who)} ${who === "agents" || who.length > 1 ? "are" : "is"} ${kind} ${end} (list ${number}).`,
        );
      });
      return 0;
    }),
});

const lift = (kinds: readonly RestrictionKind[], verb: string): CommandModule => ({
  run: (context) =>
    withDevice(context, async (opened) => {
      const { out } = context;
      const who = await wanted(context, opened);
      const number = await opened.operator.orders.lift(who === "agents" ? who : who.map(({ member }) => member), kinds);
      if (who !== "agents") await checkAllAgents(opened, who, kinds, verb);
      out.result({ lifted: kinds, ...resultOf(who), number }, () =>
        out.line(
          `${namesOf(who)} ${who === "agents" || who.length > 1 ? "are" : "is"} ${kinds.join(" or ")} no more (list ${number}).`,
        ),
      );
      return 0;
    }),
});

export const pause = restrict("paused");
export const stop = restrict("stopped");
export const mute = restrict("muted");
export const ban = restrict("banned");
export const resume = lift(["paused", "stopped"], "resume");
export const unmute = lift(["muted"], "unmute");
export const unban = lift(["banned"], "unban");

async function wanted({ input }: CommandContext, { device }: OpenDevice): Promise<"agents" | readonly MemberView[]> {
  const first = input.optionalArgument("members");
  if (input.switch("all-agents")) {
    if (first !== undefined)
      throw new ParleyError("invalid_argument", { message: "Name members, or --all-agents; not both." });
    return "agents";
  }
  if (first === undefined)
    throw new ParleyError("invalid_argument", { message: "Name one or more members, or give --all-agents." });
  const members = await Promise.all([first, ...input.rest()].map((who) => device.memberOf(who)));
  if (members.some(({ member }) => member === device.member))
    throw new ParleyError("self_call", { message: "An operator does not restrict itself; another operator has to." });
  return members;
}

/** What holds for all agents holds for each of them, whatever its own entry says. */
async function checkAllAgents(
  { trust }: OpenDevice,
  who: readonly MemberView[],
  kinds: readonly RestrictionKind[],
  verb: string,
): Promise<void> {
  const { restrictions } = await trust();
  const general = restrictions
    .inForce(Date.now())
    .find(({ member, kind }) => member === undefined && kinds.includes(kind));
  const agents = who.filter(({ kind }) => kind === "agent");
  if (general === undefined || agents.length === 0) return;
  throw new ParleyError("conflict", {
    message: `All agents are ${general.kind}, ${namesOf(agents)} with them; no single one is taken out of that: \`parley member ${verb} --all-agents\` ends it.`,
  });
}

const namesOf = (who: "agents" | readonly MemberView[]): string =>
  who === "agents" ? "All agents" : who.map(({ name }) => `@${name}`).join(", ");

const resultOf = (who: "agents" | readonly MemberView[]) =>
  who === "agents" ? { allAgents: true } : { members: who.map(({ member, name }) => ({ member, name })) };
