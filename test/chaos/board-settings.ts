/** What the processes of a board run are told, and what they write down. */

/** What a task asks for. */
export interface BoardInput {
  readonly n: number;
  readonly ms: number;
  /** It fails whoever works on it. */
  readonly fails: boolean;
}

export const boardSkill = "toil";

export interface BoardRoleSettings {
  readonly home: string;
  /** File of evidence; lines of earlier lives stay. */
  readonly evidence: string;
  readonly life: number;
  readonly slots: number;
  /** Of the asker: how many tasks, and the seed of what they ask for. */
  readonly tasks: number;
  readonly seed: number;
}

interface Timed {
  readonly at: number;
}

export type BoardLine =
  | (Timed & { readonly t: "life"; readonly life: number })
  /** A worker has a lease. */
  | (Timed & { readonly t: "leased"; readonly task: string; readonly generation: number })
  | (Timed & { readonly t: "began"; readonly task: string; readonly n: number })
  | (Timed & { readonly t: "finished"; readonly task: string })
  /** The registry has a task of the asker on disk. */
  | (Timed & { readonly t: "submitted"; readonly n: number; readonly task: string })
  /** The asker heard how a task ended. */
  | (Timed & {
      readonly t: "ended";
      readonly n: number;
      readonly task: string;
      readonly code?: string;
      readonly by?: string;
    })
  /** At the end: what the registry says of a task, and what was signed about it. */
  | (Timed & {
      readonly t: "final";
      readonly n: number;
      readonly task: string;
      readonly state: string;
      readonly reason?: string;
      readonly starts: number;
      readonly attempts: number;
      readonly generation: number;
      readonly acts: readonly string[];
    })
  | (Timed & { readonly t: "trouble"; readonly what: string; readonly code: string });

/** Few starts for some, so that there are dead letters; some fail by themselves. */
export function boardInputOf(n: number, seed: number): { readonly input: BoardInput; readonly attempts: number } {
  const fails = n % 50 === 7;
  const attempts = fails ? 2 : n % 10 === 3 ? 1 : 16;
  return { input: { n, ms: 10 + ((n * 7919 + seed) % 120), fails }, attempts };
}
