/** What the lab demands, and what it found wanting. */
import type { CutResult } from "./cut-trial.ts";
import type { Diagnosis } from "./host-doctor.ts";
import type { Host } from "./internet.ts";
import type { PairResult } from "./pair-trial.ts";
import type { RevocationResult } from "./revocation-trial.ts";

/** Something that is not as it has to be. */
export interface Finding {
  readonly text: string;
  /** It is about a time: on a busy machine that says little. */
  readonly isSlow: boolean;
}

const wrong = (text: string): Finding => ({ text, isSlow: false });
const slow = (text: string): Finding => ({ text, isSlow: true });

export type ExpectedPaths = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** Through these `direct` is up within the budget; a symmetric side has to be found first. */
const cones = ["public", "full-cone", "address-restricted", "port-restricted"];
const budgets = {
  /** From the first send to an open link, both sides behind cones. */
  coneLinkMs: 500,
  /** From the cut of a busy link to the first message that gets through. */
  throughMs: 2000,
  /** Between two messages handled while the link goes back to direct. */
  gapMs: 500,
  /** From when the registry took the list until a revoked member is out, wherever there is a connection. */
  revokedMs: 1000,
} as const;

export function judgePair(result: PairResult, expected: ExpectedPaths): readonly Finding[] {
  const { from, to, firstPath, finalPath, linkMs } = result;
  const name = `${from} to ${to}`;
  const wanted = expected[from]?.[to];
  const isCone = cones.includes(from) && cones.includes(to);
  return [
    ...(firstPath === undefined ? [wrong(`${name}: the first message was not delivered`)] : []),
    ...(firstPath === "direct" || firstPath === "turn" ? [wrong(`${name}: the first message waited for a link`)] : []),
    ...(finalPath === wanted ? [] : [wrong(`${name}: ${finalPath ?? "nothing"} instead of ${wanted ?? "nothing"}`)]),
    ...(isCone && (linkMs ?? Number.POSITIVE_INFINITY) > budgets.coneLinkMs
      ? [
          slow(
            `${name}: a link after ${linkMs === undefined ? "never" : `${Math.round(linkMs)} ms`}, budget ${budgets.coneLinkMs} ms`,
          ),
        ]
      : []),
  ];
}

/** Doctor names the kind that the router is, and the paths that the table has. */
export function judgeDiagnosis(
  { kind, name }: Host,
  diagnosis: Diagnosis,
  expected: ExpectedPaths,
): readonly Finding[] {
  if (diagnosis.kind !== kind) return [wrong(`doctor on ${name}: ${diagnosis.kind} instead of ${kind}`)];
  return Object.entries(expected[kind] ?? {}).flatMap(([peer, path]) =>
    diagnosis.paths[peer] === path
      ? []
      : [wrong(`doctor on ${name}: ${diagnosis.paths[peer] ?? "nothing"} to ${peer} instead of ${path}`)],
  );
}

export function judgeCut({ throughMs, backMs, gapMs, sent, handled, wrong: unordered }: CutResult): readonly Finding[] {
  return [
    ...(throughMs === undefined ? [wrong("cut: nothing got through")] : []),
    ...(throughMs !== undefined && throughMs > budgets.throughMs
      ? [slow(`cut: ${Math.round(throughMs)} ms until something got through, budget ${budgets.throughMs} ms`)]
      : []),
    ...(backMs === undefined ? [wrong("cut: the link did not go back to direct")] : []),
    ...(gapMs > budgets.gapMs
      ? [slow(`cut: a gap of ${Math.round(gapMs)} ms on the way back, budget ${budgets.gapMs} ms`)]
      : []),
    ...(handled === sent && unordered === 0
      ? []
      : [wrong(`cut: ${handled} of ${sent} handled, ${unordered} out of order`)]),
  ];
}

/** Everything within a second: the session's end, and at each peer its knowing, the end of the link and of what is handled. */
export function judgeRevocation({ acceptedMs, sessionMs, peers }: RevocationResult): readonly Finding[] {
  const within = (what: string, ms: number | undefined): readonly Finding[] => {
    if (ms === undefined) return [wrong(`revocation: ${what} never came`)];
    return ms - acceptedMs < budgets.revokedMs
      ? []
      : [
          slow(
            `revocation: ${what} ${Math.round(ms - acceptedMs)} ms after the registry took it, budget ${budgets.revokedMs} ms`,
          ),
        ];
  };
  return [
    ...within("the end of the session", sessionMs),
    ...peers.flatMap(({ name, path, knownMs, closedMs, lastHandledMs, refuses }) => [
      ...within(`the word to ${name}`, knownMs),
      ...(path === "relay" ? [] : within(`the end of the link at ${name}`, closedMs)),
      ...within(`the last message handled at ${name}`, lastHandledMs),
      ...(refuses ? [] : [wrong(`revocation: ${name} does not refuse the revoked one`)]),
    ]),
  ];
}
