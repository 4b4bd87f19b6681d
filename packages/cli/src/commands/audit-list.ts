import type { DeviceApi } from "@parley/client";
import { type AuditEntry, decodeAuditEntry, id32Schema, limits, ParleyError } from "@parley/protocol";

import { type AuditFilter, auditHeadings, auditJson, AuditNames, auditRow } from "../audit/audit-view.ts";
import type { CommandContext, CommandInput } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { parseDuration } from "../duration.ts";
import { withDevice } from "../open-device.ts";
import { pause } from "../pause.ts";

const mostListed = 10_000;
const usuallyListed = 50;
/** Pause between two looks of `--follow`. */
const followMs = 1000;

/** Prints what the registry's log says, newest last. What it proves is for `audit verify`. */
export const run: CommandModule["run"] = async (context) =>
  withDevice(context, async ({ device }) => {
    const { input } = context;
    const count = input.integer("limit", 1, mostListed) ?? usuallyListed;
    const filter = await filterOf(input, device);
    const names = new AuditNames(device);
    const { texts, last, more } = await newest(device, filter, count);
    await print(context, texts, names, input.switch("follow"));
    if (more) context.out.note("There are older ones; --limit shows more.");
    if (input.switch("follow")) await follow(context, device, filter, names, last);
    return 0;
  });

async function filterOf(input: CommandInput, device: DeviceApi): Promise<AuditFilter> {
  const act = input.text("act");
  const by = input.text("by");
  if (act !== undefined && !/^[a-z][a-z-]*(\.[a-z][a-z-]*)?$/.test(act))
    throw new ParleyError("invalid_argument", {
      message: "--act is an act such as member.revoked, or the part before its dot; see docs/audit.md.",
    });
  return {
    ...(act === undefined ? {} : { act }),
    ...(by === undefined ? {} : { by: await idOf(by, device) }),
    ...momentIn(input, "since"),
    ...momentIn(input, "until"),
  };
}

/** A member by name; an id or an address as it is. */
async function idOf(who: string, device: DeviceApi): Promise<string> {
  if (id32Schema.safeParse(who).success || /[.:*]/.test(who)) return who;
  return (await device.memberOf(who)).member;
}

/** A time like `2026-11-20`, or one so long ago, like `2h`. */
function momentIn<Name extends "since" | "until">(input: CommandInput, name: Name): { [Key in Name]?: number } {
  const text = input.text(name);
  if (text === undefined) return {};
  const ago = parseDuration(text);
  const moment = ago === undefined ? Date.parse(text) : Date.now() - ago;
  if (Number.isFinite(moment) && moment >= 0) return { [name]: Math.floor(moment) } as { [Key in Name]?: number };
  throw new ParleyError("invalid_argument", {
    message: `--${name} is a time like 2026-11-20 or 2026-11-20T14:00Z, or one so long ago, like 2h.`,
  });
}

async function newest(
  device: DeviceApi,
  filter: AuditFilter,
  count: number,
): Promise<{ readonly texts: readonly string[]; readonly last: number; readonly more: boolean }> {
  const found: string[] = [];
  let before = Number.MAX_SAFE_INTEGER;
  let last = 0;
  for (;;) {
    const limit = Math.min(limits.auditPage, count - found.length);
    const page = await device.request("audit.list", { ...filter, before, limit });
    found.push(...page.entries);
    last ||= page.last;
    if (page.next === undefined || found.length >= count)
      return { texts: found.reverse(), last, more: page.next !== undefined };
    before = page.next;
  }
}

async function follow(
  { out, signal }: CommandContext,
  device: DeviceApi,
  filter: AuditFilter,
  names: AuditNames,
  last: number,
): Promise<void> {
  for (let after = last; ;) {
    if (!(await pause(followMs, signal))) return;
    const page = await device.request("audit.list", { ...filter, after });
    await printLines(out, page.entries, names);
    after = page.next ?? Math.max(after, page.last);
  }
}

async function print(
  { out }: CommandContext,
  texts: readonly string[],
  names: AuditNames,
  follows: boolean,
): Promise<void> {
  if (follows) return printLines(out, texts, names);
  const entries = readable(texts);
  if (!out.json) await names.learn(entries);
  out.result({ entries: texts.map(auditJson) }, () => {
    if (texts.length === 0) return out.line("Nothing that fits was written down.");
    out.table(
      auditHeadings,
      entries.map((entry) => auditRow(entry, names.of)),
      { cutLast: true },
    );
    if (entries.length < texts.length)
      out.note(`${texts.length - entries.length} entries cannot be read; parley audit verify names them.`);
  });
}

async function printLines(out: CommandContext["out"], texts: readonly string[], names: AuditNames): Promise<void> {
  if (!out.json) await names.learn(readable(texts));
  for (const text of texts) {
    const entry = decodeAuditEntry(text);
    out.event(auditJson(text), entry.ok ? auditRow(entry.value, names.of).join("  ").trimEnd() : "an unreadable entry");
  }
}

const readable = (texts: readonly string[]): AuditEntry[] =>
  texts.flatMap((text) => {
    const entry = decodeAuditEntry(text);
    return entry.ok ? [entry.value] : [];
  });
