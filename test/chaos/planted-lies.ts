/** Lies that are planted into a copy of a run's evidence: a checker that believes one is worth nothing. */
import { check } from "./checker.ts";
import type { DeviceLine, Evidence } from "./evidence.ts";
import type { FindingKind, Verdict } from "./verdict.ts";

type LineOf<Type extends DeviceLine["t"]> = DeviceLine & { readonly t: Type };

/** A message that was accepted, delivered and handled once, as the evidence has it. */
interface Witness {
  readonly handler: string;
  readonly handled: LineOf<"handled">;
  readonly sender: string;
  readonly delivered: LineOf<"state">;
}

interface Lie {
  readonly name: string;
  readonly refusedAs: FindingKind;
  readonly plant: (evidence: Evidence, witness: Witness) => Evidence;
}

export interface LieResult {
  readonly name: string;
  readonly refused: boolean;
}

const lies: readonly Lie[] = [
  {
    name: "a lost message",
    refusedAs: "lost",
    plant: (evidence, { handled }) =>
      mapLines(evidence, (line) =>
        line.t === "handled" && line.id === handled.id && line.from === handled.from ? [] : [line],
      ),
  },
  {
    name: "a double handling without its flag",
    refusedAs: "double",
    plant: (evidence, { handler, handled }) =>
      mapLines(evidence, undefined, {
        device: handler,
        line: { ...handled, at: handled.at + 1, redelivered: false },
      }),
  },
  {
    name: "a delivered that never came",
    refusedAs: "false-state",
    plant: (evidence, { delivered, sender }) =>
      mapLines(evidence, (line) =>
        line.t === "state" && line.id === delivered.id && line.to === delivered.to
          ? [{ ...line, device: sender }]
          : [line],
      ),
  },
];

/** Plants each lie and says whether it was refused, which an honest reading of the same evidence did not do as often. */
export function plantLies(evidence: Evidence, honest: Verdict): readonly LieResult[] {
  const witness = findWitness(evidence);
  return lies.map(({ name, refusedAs, plant }) => {
    if (witness === undefined) return { name, refused: false };
    const { found } = check(plant(evidence, witness));
    return { name, refused: (found[refusedAs] ?? 0) > (honest.found[refusedAs] ?? 0) };
  });
}

/** The first message to an agent that came through by the book. */
function findWitness({ parties, devices }: Evidence): Witness | undefined {
  const agents = new Set(
    parties.filter(({ kind }) => kind === "agent").flatMap((party) => party.devices.map(({ device }) => device)),
  );
  const nameOf = new Map(parties.flatMap(({ name, devices: own }) => own.map(({ device }) => [device, name])));
  const handled = new Map<string, { readonly handler: string; readonly line: LineOf<"handled"> }>();
  for (const [handler, lines] of devices)
    for (const line of lines)
      if (line.t === "handled" && line.class === "durable" && agents.has(handler)) {
        handled.set(`${line.id} ${nameOf.get(handler)}`, { handler, line });
        if (handled.size > mostCandidates) break;
      }
  for (const [sender, lines] of devices)
    for (const line of lines) {
      const known = line.t === "state" && line.state === "delivered" ? handled.get(`${line.id} ${line.to}`) : undefined;
      if (known !== undefined && line.t === "state" && line.device === known.handler)
        return { handler: known.handler, handled: known.line, sender, delivered: line };
    }
  return undefined;
}

const mostCandidates = 10_000;

/** The same evidence with its lines changed, and one more at the end of a device's. */
function mapLines(
  evidence: Evidence,
  change: (line: DeviceLine) => readonly DeviceLine[] = (line) => [line],
  more?: { readonly device: string; readonly line: DeviceLine },
): Evidence {
  const devices = [...evidence.devices].map(([device, lines]): [string, Iterable<DeviceLine>] => [
    device,
    {
      *[Symbol.iterator]() {
        for (const line of lines) yield* change(line);
        if (more?.device === device) yield more.line;
      },
    },
  ]);
  return { ...evidence, devices: new Map(devices) };
}
