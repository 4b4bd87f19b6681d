/**
 * The one place where Parley starts another program. A child gets what any program needs and what its starter names, not
 * what Parley itself was given: no passphrase, no token, no home folder.
 */
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process";

/** What programs need to find files and speak a person's language, here and on Windows. */
const inheritedNames = "PATH HOME LANG LC_ALL TZ TMPDIR TERM NO_COLOR SystemRoot USERPROFILE TEMP TMP PATHEXT".split(
  " ",
);

type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of a child: the few names of above as they are here, then what is named. */
export function childEnvironment(named: Environment = {}, from: Environment = process.env): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of inheritedNames) {
    const value = from[name];
    if (value !== undefined) environment[name] = value;
  }
  for (const [name, value] of Object.entries(named)) if (value !== undefined) environment[name] = value;
  return environment;
}

export interface ChildOptions {
  /** What it gets beside the few names that every child has. */
  readonly environment?: Environment;
  readonly stdio: StdioOptions;
  readonly folder?: string;
  /** In a group of its own: Ctrl-C on the terminal reaches the starter alone, which then ends the child in its own way. Default false. */
  readonly ownGroup?: boolean;
}

/** Starts a program without a shell. Failures come as the child's `error` event. */
export function startChild(program: string, args: readonly string[], options: ChildOptions): ChildProcess {
  const { environment, stdio, folder, ownGroup = false } = options;
  return spawn(program, [...args], {
    shell: false,
    env: childEnvironment(environment),
    stdio,
    detached: ownGroup,
    ...(folder === undefined ? {} : { cwd: folder }),
  });
}
