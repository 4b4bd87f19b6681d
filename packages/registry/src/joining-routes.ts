import type { Clock } from "@parley/core";
import { ParleyError, parsePairingCode } from "@parley/protocol";

import { Attempts } from "./attempts.ts";
import type { RegistryBounds } from "./bounds.ts";
import type { ClaimSecret } from "./claim.ts";
import type { Enrolments } from "./enrolments.ts";
import type { RouteHandlers } from "./http-app.ts";
import type { ClaimedMesh, MeshState } from "./mesh-state.ts";
import type { RegistryLog } from "./options.ts";
import type { Pairings } from "./pairings.ts";

export interface JoiningRoutesOptions {
  readonly mesh: MeshState;
  readonly claim: ClaimSecret;
  readonly pairings: Pairings;
  readonly enrolments: Enrolments;
  readonly clock: Pick<Clock, "monotonic">;
  readonly bounds: Pick<RegistryBounds, "pairingTriesPerMinute" | "pairingTriesTotalPerMinute">;
  readonly log: RegistryLog;
  readonly checkReady: () => void;
  /** Ends what a claim begins. */
  readonly finish: (claimed: ClaimedMesh) => Promise<void>;
}

/** How a mesh is founded, and how members and devices ask to be let in: each by a secret, so attempts are counted. */
export function joiningRoutes(
  options: JoiningRoutesOptions,
): Pick<RouteHandlers, "claim" | "pair" | "pairing" | "enrol" | "enrolment"> {
  const { mesh, claim, pairings, enrolments, clock, bounds, log, checkReady, finish } = options;
  const tries = { perAddress: bounds.pairingTriesPerMinute, inTotal: bounds.pairingTriesTotalPerMinute };
  const attempts = (): Attempts => new Attempts(tries, () => clock.monotonic());
  const [claimAttempts, enrolAttempts] = [attempts(), attempts()];
  // Whoever floods the one does not keep the other from coming in.
  const pairAttempts = { code: attempts(), link: attempts() };
  return {
    async claim({ body, address }) {
      checkReady();
      claimAttempts.count(address);
      const { secret, ...statements } = body;
      // Whoever repeats its own claim, because the answer was lost, needs no secret: it changes nothing.
      if (mesh.claimed?.operators.chain[0] !== statements.genesis) await claim.check(secret);
      const claimed = await mesh.claim({ ...statements, rotations: [] });
      await finish(claimed);
      claim.spend();
      log("info", "mesh.claimed", { mesh: claimed.mesh });
      return mesh.nodeInfo();
    },
    async pair({ body, address }) {
      checkReady();
      pairAttempts[parsePairingCode(body.secret) === undefined ? "link" : "code"].count(address);
      const state = await pairings.request(body, address);
      log("info", "pairing.asked", { pairing: state.pairing, state: state.state });
      return state;
    },
    pairing: ({ param, query }) => pairings.state(requireId(param("pairing")), waitMsOf(query("wait"))),
    async enrol({ body, address }) {
      checkReady();
      enrolAttempts.count(address);
      const state = await enrolments.ask(body.enrolment, body.request);
      log("info", "enrolment.asked", { state: state.state });
      return state;
    },
    enrolment: ({ param, query }) => enrolments.state(requireId(param("enrolment")), waitMsOf(query("wait"))),
  };
}

function waitMsOf(wait = "0"): number {
  if (/^\d{1,2}$/.test(wait)) return Number(wait) * 1000;
  throw new ParleyError("invalid_argument", { message: "wait: is not a number of seconds below 100" });
}

function requireId(text: string): string {
  if (/^[A-Za-z0-9_-]{22}$/.test(text)) return text;
  throw new ParleyError("not_found", { message: "There is no such request to join." });
}
