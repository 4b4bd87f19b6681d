import type { ExitCode } from "@parley/protocol";

import type { CommandContext } from "./command-context.ts";
import type { SettingName } from "./setting-table.ts";

export interface CommandArgument {
  readonly name: string;
  readonly means: string;
  readonly optional?: true;
  /** The last one may be given several times. */
  readonly repeatable?: true;
}

/** An option of one command; what several share is a setting. */
export interface CommandOption {
  /** Without the dashes. A name that begins with `no-` turns something off. */
  readonly name: string;
  readonly means: string;
  /** What stands for the value in help; absent for a switch. */
  readonly value?: string;
  readonly short?: string;
  /** It may be given several times. */
  readonly repeatable?: true;
}

/** One command: a row of the table from which program, help, completions and manual come. */
export interface CommandRow {
  /** `["invite", "create"]` is `parley invite create`. */
  readonly path: readonly string[];
  readonly summary: string;
  readonly arguments?: readonly CommandArgument[];
  readonly options?: readonly CommandOption[];
  /** Settings that it takes as flags, besides those of every command. */
  readonly settings?: readonly SettingName[];
  /** Whole lines, each beginning with `parley`. */
  readonly examples: readonly string[];
  readonly load: () => Promise<CommandModule>;
}

/** What a file of `commands/` exports. */
export interface CommandModule {
  /** Does it. Returns the exit code, 0 when undefined; throws a coded error otherwise. */
  readonly run: (context: CommandContext) => Promise<ExitCode | ProgramExit | undefined>;
}

/** What another program ended with that the command ran for somebody. */
export interface ProgramExit {
  readonly program: number;
}
