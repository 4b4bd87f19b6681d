import { isAbsolute, relative } from "node:path";

import { visible } from "@parley/protocol";

import { formatDuration } from "../duration.ts";
import type { Presenter } from "../presenter.ts";
import type { DemoEvent } from "./demo-event.ts";

/** Characters of a line that reads well. */
const widest = 100;
/** A terminal that says it is narrower does not know. */
const narrowest = 40;
/** Characters before a line of the report. */
const margin = 5;

/** Prints the demo's events: as JSON lines for programs, as a story for people. */
export class DemoView {
  readonly #out: Presenter;
  readonly #cwd: string;
  readonly #width: number;

  /** `columns` is the terminal's width, if there is one. */
  constructor(out: Presenter, cwd: string, columns: number | undefined) {
    this.#out = out;
    this.#cwd = cwd;
    const known = columns !== undefined && columns >= narrowest ? columns : widest;
    this.#width = Math.min(known, widest) - margin;
  }

  show(event: DemoEvent): void {
    if (this.#out.json) this.#out.event(event, "");
    else for (const line of this.#linesOf(event)) this.#out.line(line);
  }

  #linesOf(event: DemoEvent): readonly string[] {
    switch (event.event) {
      case "registry":
        return this.#registry(event);
      case "operator":
        return [
          this.#row(
            "operator",
            `@${event.name}`,
            event.claimed ? "claimed the mesh with its one-time link" : "the mesh's first operator",
          ),
        ];
      case "agent":
        return [
          this.#row(
            "agent",
            `@${event.name}`,
            `${event.admitted ? "invited, approved, connected" : "connected"}; offers ${event.skills.join(", ")}`,
          ),
        ];
      case "asked":
        return [
          "",
          `${this.#bold(`@${event.from} asks @${event.to}`)} for a ${event.skill} on “${visible(event.topic)}”`,
          "",
        ];
      case "progress":
        return [this.#dim(`  · ${visible(event.text)}`)];
      case "delegated":
        return [this.#delegated(event)];
      case "link":
        return [
          this.#dim(`  link ${event.between.map((name) => `@${name}`).join(" ↔ ")}: ${event.route ?? event.path}`),
        ];
      case "no-direct-link":
        return [this.#yellow(`  This network gives no direct link (${event.message}); asking again over any path.`)];
      case "report":
        return ["", ...this.#report(event.markdown)];
      case "up":
        return this.#next(event);
      case "agent-ended":
        return [this.#yellow(`@${event.name} has ended.`)];
      case "stopped":
        return ["Stopped; nothing of it runs any more. Started again, it goes on with the same mesh."];
      default:
        return [];
    }
  }

  #dim(text: string): string {
    return this.#out.style("dim", text);
  }

  #bold(text: string): string {
    return this.#out.style("bold", text);
  }

  #yellow(text: string): string {
    return this.#out.style("yellow", text);
  }

  #registry({ origin, reused, data }: Extract<DemoEvent, { event: "registry" }>): readonly string[] {
    const where = `${reused ? "with what the last demo left" : "new"} in ${this.#short(data)}`;
    return [
      "",
      this.#bold("Parley demo: a mesh of your own on this machine"),
      "",
      this.#row("registry", origin, where),
    ];
  }

  #row(what: string, who: string, words: string): string {
    return `  ${what.padEnd(9)} ${this.#out.style("cyan", who.padEnd(12))}  ${words}`;
  }

  #delegated({ from, to, skill, times, path, tookMs }: Extract<DemoEvent, { event: "delegated" }>): string {
    const colour = path === "direct" ? "green" : "yellow";
    const who = `@${from} → @${to}`.padEnd(26);
    return `  ${who} ${(times === 1 ? skill : `${skill} ×${times}`).padEnd(8)} ${this.#out.style(colour, `path: ${path}`)}  ${formatDuration(tookMs)}`;
  }

  #report(markdown: string): readonly string[] {
    const lines = visible(markdown).trimEnd().split("\n");
    return lines
      .flatMap((line) => wrap(line, this.#width))
      .map((line) => `${this.#dim("  │")} ${this.#reportLine(line)}`);
  }

  #reportLine(line: string): string {
    if (line.startsWith("#")) return this.#bold(line);
    return line.replaceAll(/\*\*(.+?)\*\*/g, (_, words: string) => this.#bold(words));
  }

  #next({ origin, home, afterMs }: Extract<DemoEvent, { event: "up" }>): readonly string[] {
    const parley = "./parley";
    return [
      "",
      this.#bold(`The mesh is up at ${origin}`) + this.#dim(` after ${formatDuration(afterMs)}; Ctrl-C stops it.`),
      "",
      "Try, in another terminal:",
      "",
      `  export PARLEY_HOME='${home.replaceAll("'", String.raw`'\''`)}'`,
      `  ${parley} agents`,
      `  ${parley} delegate @librarian/search '{"query": "what does revoked mean"}'`,
      `  ${parley} delegate report '{"topic": "presence"}' --explain`,
      `  ${parley} ping @librarian`,
      `  ${parley} send @reporter 'well done'`,
      `  ${parley} chat`,
      `  ${parley} invite create`,
      "",
    ];
  }

  #short(path: string): string {
    const inside = relative(this.#cwd, path);
    return inside.startsWith("..") || isAbsolute(inside) ? path : inside;
  }
}

/** Breaks a line between words. */
function wrap(line: string, width: number): readonly string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of line.split(" ")) {
    if (current !== "" && current.length + 1 + word.length > width) {
      lines.push(current);
      current = word;
    } else current = current === "" ? word : `${current} ${word}`;
  }
  return [...lines, current];
}
