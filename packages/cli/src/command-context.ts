import { ParleyError } from "@parley/protocol";

import type { Configuration } from "./configuration.ts";
import { parseDuration } from "./duration.ts";
import type { Presenter } from "./presenter.ts";

/** Several of an option that may be repeated. */
export type OptionValue = string | boolean | readonly string[];

/** The arguments and own options of a command, as they were typed. */
export class CommandInput {
  readonly #arguments: ReadonlyMap<string, string>;
  readonly #options: ReadonlyMap<string, OptionValue>;
  readonly #rest: readonly string[];

  constructor(
    args: ReadonlyMap<string, string>,
    options: ReadonlyMap<string, OptionValue>,
    rest: readonly string[] = [],
  ) {
    this.#arguments = args;
    this.#options = options;
    this.#rest = rest;
  }

  /** An argument that the table demands. */
  argument(name: string): string {
    return this.#arguments.get(name) ?? "";
  }

  optionalArgument(name: string): string | undefined {
    return this.#arguments.get(name);
  }

  /** What was typed for a last argument that may be repeated, but for the first one. */
  rest(): readonly string[] {
    return this.#rest;
  }

  switch(name: string): boolean {
    return this.#options.get(name) === true;
  }

  text(name: string): string | undefined {
    const value = this.#options.get(name);
    return typeof value === "string" ? value : undefined;
  }

  /** What an option that may be repeated was given, in order. */
  texts(name: string): readonly string[] {
    const value = this.#options.get(name);
    return typeof value === "object" ? value : [];
  }

  /** Throws `invalid_argument` outside `least` to `most`. */
  integer(name: string, least: number, most: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new ParleyError("invalid_argument", {
      message: `--${name} must be a whole number from ${least} to ${most}.`,
    });
  }

  /** Milliseconds. Throws `invalid_argument` when it is no time or more than `mostMs`. */
  duration(name: string, mostMs: number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = parseDuration(text);
    if (value !== undefined && value > 0 && value <= mostMs) return value;
    throw new ParleyError("invalid_argument", {
      message: `--${name} must be a time like 90s, 10m or 1d, at most ${Math.floor(mostMs / 1000)}s.`,
    });
  }
}

/** All that a command has to work with. */
export interface CommandContext {
  readonly input: CommandInput;
  readonly settings: Configuration;
  readonly out: Presenter;
  /** Aborted by the first Ctrl-C or SIGTERM; a second one ends the process. */
  readonly signal: AbortSignal;
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}
