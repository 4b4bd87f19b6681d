import { toParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { doctorChecks } from "../doctor/checks.ts";
import { dialCheck } from "../doctor/dial-check.ts";
import { factsOf } from "../doctor/facts.ts";
import type { Finding, Verdict } from "../doctor/finding.ts";

const marks: Readonly<Record<Verdict, { readonly text: string; readonly colour: "green" | "yellow" | "red" | "dim" }>> =
  {
    ok: { text: "ok", colour: "green" },
    warning: { text: "warning", colour: "yellow" },
    fault: { text: "FAULT", colour: "red" },
    "left-out": { text: "left out", colour: "dim" },
  };

/** Runs every check. Exit code 1 when one found a fault. */
export const run: CommandModule["run"] = async (context) => {
  const { out, input } = context;
  const to = input.text("to");
  const checks = to === undefined ? doctorChecks : [...doctorChecks, dialCheck(to)];
  const facts = factsOf(context);
  const findings: (Finding & { readonly check: string })[] = [];
  for (const { name, about, run: check } of checks) {
    out.progress(`${about}…`);
    const finding = await check(facts).catch((error: unknown): Finding => {
      const { code, message } = toParleyError(error);
      return { verdict: "fault", code, says: message };
    });
    findings.push({ check: name, ...finding });
    if (out.json) continue;
    const { text, colour } = marks[finding.verdict];
    const code = finding.verdict === "ok" || finding.verdict === "left-out" ? "" : ` (${finding.code})`;
    out.line(`${out.style(colour, text.padEnd(8))}  ${name.padEnd(12)}  ${finding.says}${code}`);
    if (finding.advice !== undefined) out.line(`${" ".repeat(24)}${out.style("bold", finding.advice)}`);
  }
  const faults = findings.filter(({ verdict }) => verdict === "fault");
  const warnings = findings.filter(({ verdict }) => verdict === "warning");
  out.result(
    {
      ok: faults.length === 0,
      faults: faults.map(({ code }) => code),
      warnings: warnings.map(({ code }) => code),
      findings,
    },
    () => {
      out.line();
      out.line(
        faults.length === 0
          ? "Nothing is broken."
          : `${faults.length} ${faults.length === 1 ? "fault" : "faults"}: ${faults.map(({ code }) => code).join(", ")}.`,
      );
    },
  );
  return faults.length === 0 ? 0 : 1;
};
