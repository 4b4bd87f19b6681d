import type { CommandModule } from "../command.ts";
import { verifyFile } from "../timeline-pins.ts";

export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const report = await verifyFile(context, input.argument("file"), "task", "board");
  const pinned = report.isKnownMesh;
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
  act: Awaited<ReturnType<typeof verifyFile<"task" | "board">>>["entries"][number]["statement"]["act"],
): string {
  switch (act.type) {
    case "started":
    case "completed":
    case "canceled":
    case "retried":
      return act.type;
    case "failed":
      return `failed (${act.code})`;
    case "submitted":
      if (!("caller" in act)) return `${act.skill} for anyone with the skill, of ${act.input}`;
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
