/** `--to @member`: dials for real, and compares what came of it with what was to be expected. */
import type { DeviceApi, LinkView, PingResult } from "@parley/client";
import { toParleyError } from "@parley/protocol";

import { openDevice } from "../open-device.ts";
import { pathReasonText } from "../path-reason-text.ts";
import { natKinds, type NatKind } from "../stun/nat-kind.ts";
import { type DoctorCheck, type DoctorFacts, fault, type Finding, fine, leftOut, warning } from "./finding.ts";
import { meansOf, pathsTowards } from "./network-checks.ts";

/** A link that is possible is up within this. */
const linkMs = 6000;
/** ICE opens a link on the first pair that works, and moves to the best one soon after. */
const settleMs = 700;

type ExpectedPaths = ReturnType<typeof pathsTowards>;

/** What came of a dial. */
interface Dialled {
  readonly first: PingResult;
  readonly link: Pick<LinkView, "path" | "openedInMs"> | undefined;
  /** Why there is no link. */
  readonly problem: string | undefined;
  readonly last: PingResult;
}

export const dialCheck = (who: string): DoctorCheck => ({
  name: "dial",
  about: `${who} can be reached, by the path to be expected`,
  run: async (facts) => {
    const session = await facts.session().catch(() => undefined);
    if (session === undefined) return leftOut("It takes a session with the registry to dial.");
    const opened = await openDevice(facts.context);
    try {
      return judgeDial(who, await dial(opened.device, who), await expectedPaths(facts));
    } catch (error) {
      const { code, message } = toParleyError(error);
      return fault(code, message, "See whether it is there with `parley members`, and run `parley doctor` there too.");
    } finally {
      await opened.close();
    }
  },
});

async function dial(device: DeviceApi, who: string): Promise<Dialled> {
  const connecting = device.connect(who, { signal: AbortSignal.timeout(linkMs) }).then(
    (link) => ({ link, problem: undefined }),
    (error: unknown) => ({ link: undefined, problem: toParleyError(error).message }),
  );
  // The first answer does not wait for the link.
  const first = await device.ping(who);
  const { link, problem } = await connecting;
  if (link?.path === "turn") await new Promise((resolve) => setTimeout(resolve, settleMs));
  return { first, link, problem, last: await device.ping(who) };
}

/** The path towards each kind of network; undefined while one's own is not known. */
async function expectedPaths({ network, context }: DoctorFacts): Promise<ExpectedPaths | undefined> {
  const facts = await network();
  const own = facts?.nat.kind;
  if (own === undefined || own === "unknown" || facts === undefined) return undefined;
  return pathsTowards(own, meansOf(facts, context.settings.get("link-policy")));
}

/** Says by which path a member answered and why, and whether that path was to be expected. */
export function judgeDial(
  who: string,
  { first, link, last, problem }: Dialled,
  paths: ExpectedPaths | undefined,
): Finding {
  const fitting = paths === undefined ? undefined : natKinds.filter((kind: NatKind) => paths[kind] === last.path);
  const took = link?.openedInMs === undefined ? "" : `, link up in ${Math.round(link.openedInMs)} ms`;
  const route = last.route === undefined ? "" : ` (${last.route.local} to ${last.route.remote})`;
  const { reason } = last;
  const because = reason === undefined ? "" : `, because ${pathReasonText(reason, last.path)}`;
  const says = `${who} answered by ${first.path} in ${Math.ceil(first.rttMs)} ms, now by ${last.path} in ${Math.ceil(last.rttMs)} ms${took}${route}${because}.`;
  const details = {
    first: first.path,
    last: last.path,
    reason,
    linkMs: link?.openedInMs,
    route: last.route,
    problem,
    fitting,
  };
  if (fitting?.length === 0)
    return {
      ...warning(
        "path_unexpected",
        `${says} From here ${[...new Set(Object.values(paths ?? {}))].join(" or ")} was to be expected.`,
        "Run `parley doctor` on the other side too: its firewall, its link-policy or its link-interfaces may say why.",
      ),
      details,
    };
  const behind =
    fitting === undefined || fitting.length === natKinds.length
      ? ""
      : ` As expected if it is behind: ${fitting.join(", ")}.`;
  return { ...fine(`${says}${behind}`), details };
}
