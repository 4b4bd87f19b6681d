import type { CommandModule } from "../command.ts";
import { verifyTimeline } from "../timeline-check.ts";

export const run: CommandModule["run"] = async (context) => {
  const { out } = context;
  const { report, pinned } = await verifyTimeline(context, "task");
  const names = new Map(report.parties.map(({ member, name }) => [member, name]));
  const entries = report.entries.map(({ statement: { number, by, iat, act } }) => ({ number, by, iat, act }));
  out.result({ holds: true, pinned, mesh: report.mesh, task: report.subject, entries }, () => {
    out.line(`The timeline of ${report.subject} holds: ${entries.length} entries.`);
    for (const { number, by, act } of entries) out.line(`${number}. @${names.get(by) ?? by}: ${textOf(act)}`);
    if (!pinned) out.note(`It says itself that it is of the mesh ${report.mesh}; no home here vouches for that.`);
  });
  return 0;
};

function textOf(
  act: Awaited<ReturnType<typeof verifyTimeline<"task">>>["report"]["entries"][number]["statement"]["act"],
): string {
  switch (act.type) {
    case "submitted":
      return `${act.skill} asked by ${act.caller}, of ${act.digest}`;
    case "state":
      return `${act.state.replace("TASK_STATE_", "").toLowerCase()}${act.code === undefined ? "" : ` (${act.code})`}`;
    case "artifact":
      return `artifact ${act.artifact}, of ${act.digest}`;
    case "input":
      return `input ${act.message}, of ${act.digest}`;
    case "approval":
      return `approved by ${act.grants.length}, asked as ${act.request}`;
    case "resumed":
      return "begun again after a restart";
    case "omitted":
      return `${act.count} changes of state that are not told one by one`;
  }
}
