import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

import { auditError, type AuditFindings, AuditReader, type AuditView } from "@parley/client";
import { fileError, openAuditMarks } from "@parley/client/node";
import { type AuditPins, findChangedCharacter, peekStatement, verifyAuditFile } from "@parley/core";
import { type AuditMark, id32Schema, isParleyError, ParleyError, visible } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { openHome, type OpenDevice, withDevice } from "../open-device.ts";

const hash = (text: string): string => createHash("sha256").update(text).digest("base64url");

/** Verifies the log of the registry, or a file that was exported. Exit code 4 when it does not hold. */
export const run: CommandModule["run"] = async (context) => {
  const file = context.input.optionalArgument("file");
  return file === undefined ? withDevice(context, (opened) => verifyLog(context, opened)) : verifyFile(context, file);
};

async function verifyFile(context: CommandContext, path: string): Promise<0> {
  const { out, input } = context;
  if (input.switch("accept") || input.switch("all"))
    throw new ParleyError("invalid_argument", {
      message: "--accept and --all concern the registry's log, not a file.",
    });
  const pins = await pinsOf(context);
  const report = await verifyAuditFile(createReadStream(path), pins, { hash }).catch((error: unknown) => {
    throw isParleyError(error) ? error : fileError(path, error);
  });
  out.result({ file: path, holds: true, ...report }, () => {
    out.line(`The log holds: entries ${report.first} to ${report.last} of the node ${report.node}.`);
    out.line(`Its head was signed ${new Date(report.signed).toISOString()}.`);
    for (const { member, number } of report.witnesses)
      out.line(`A device of the operator ${member} verified it up to entry ${number}.`);
  });
  return 0;
}

/** The mesh that is named, else that of the home, with its operator sets. */
async function pinsOf(context: CommandContext): Promise<AuditPins> {
  const wanted = context.input.text("mesh");
  if (wanted !== undefined && !id32Schema.safeParse(wanted).success)
    throw new ParleyError("invalid_argument", { message: "--mesh is a mesh's id; see `parley identity show`." });
  const home = await openHome(context);
  if (wanted !== undefined && (await home.meshFile()) === undefined) return { mesh: wanted };
  const { trust } = await home.mesh();
  if (wanted !== undefined && wanted !== trust.mesh) return { mesh: wanted };
  return { mesh: trust.mesh, operators: trust.operators };
}

async function verifyLog({ out, input, signal }: CommandContext, { device, home }: OpenDevice): Promise<0> {
  const reader = new AuditReader({ device, trust: async () => (await home.mesh()).trust });
  const memory = openAuditMarks(home.path);
  const isAccepted = input.switch("accept");
  const before = await memory.get(await nodeOf(device));
  // What was seen before does not count any more; what is wrong in the log is said, and stays where it is.
  const accepted = isAccepted ? Date.now() : before.accepted;
  const mark = isAccepted ? undefined : before.mark;
  const view = await reader.open(accepted);
  const { node } = view.node;
  const flaw = reader.judge(view, mark) ?? (await walk());
  if (flaw !== undefined && flaw.kind !== "gap" && !isAccepted) throw placed(flaw);
  if (before.alert !== undefined && !isAccepted) throw told(before.alert);
  const { number, hash, epoch } = view.head;
  await memory.put(node, { mark: { node, epoch, number, hash }, accepted });
  report(out, view, mark, flaw === undefined ? undefined : placed(flaw));
  return 0;

  async function walk(): Promise<AuditFindings["flaw"]> {
    const { flaw: found } = await reader.walk(view, mark, {
      signal,
      all: input.switch("all"),
      onMark: (reached) => out.progress(`verified up to entry ${reached.number}…`),
    });
    return found;
  }
}

/** The node that the device is connected to. */
async function nodeOf(device: OpenDevice["device"]): Promise<string> {
  const { head } = await device.request("audit.head", {});
  return peekStatement("head", head).node;
}

type Flaw = NonNullable<ReturnType<AuditReader["judge"]>>;

/** Names the byte of an altered entry, where it was only one. */
function placed(flaw: Flaw): ParleyError {
  const { text, wanted } = flaw;
  const changed = text === undefined || wanted === undefined ? undefined : findChangedCharacter(text, wanted, hash);
  if (changed === undefined) return auditError(flaw);
  const { at, was, is } = changed;
  const says = `${flaw.says} Its byte ${at} is ${JSON.stringify(is)} and was ${JSON.stringify(was)}.`;
  return auditError({ ...flaw, says }, { byte: at, was, is });
}

function told({
  says,
  kind,
  entry,
}: {
  readonly says: string;
  readonly kind: string;
  readonly entry: number;
}): ParleyError {
  return new ParleyError("audit_broken", {
    message: `${says} The log holds now; once you know why, parley audit verify --accept takes it as it is.`.slice(
      0,
      500,
    ),
    data: { kind, entry },
  });
}

function report(
  out: CommandContext["out"],
  { head, node, witnesses, checkpoints }: AuditView,
  before: AuditMark | undefined,
  flaw: ParleyError | undefined,
): void {
  const first = (checkpoints.at(-1)?.to ?? 0) + 1;
  const facts = {
    holds: flaw === undefined || flaw.data?.["kind"] === "gap",
    node: node.node,
    first,
    last: head.number,
    signed: head.iat,
    ...(before === undefined ? {} : { verifiedBefore: before.number }),
    ...(flaw === undefined ? {} : { flaw: { message: flaw.message, ...flaw.data } }),
    witnesses: witnesses.map(({ name, statement: { member, device, number } }) => ({ name, member, device, number })),
  };
  out.result(facts, () => {
    const since = before === undefined ? "" : `, and entry ${before.number} is the one that this device saw before`;
    if (facts.holds) out.line(`The log holds: entries ${first} to ${head.number}${since}.`);
    else out.line(`The log is taken as it is from entry ${head.number} on.`);
    if (flaw !== undefined) out.line(visible(flaw.message));
    for (const { name, statement } of witnesses)
      out.line(`A device of @${visible(name)} verified it up to entry ${statement.number}.`);
  });
}
