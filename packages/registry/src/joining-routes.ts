import type { Clock } from "@parley/core";
import { ParleyError, parsePairingCode, toParleyError } from "@parley/protocol";

import { Attempts } from "./attempts.ts";
import { type AuditRecord, type AuditRecorder, byAddress } from "./audit/audit-trail.ts";
import type { RegistryBounds } from "./bounds.ts";
import type { ClaimSecret } from "./claim.ts";
import type { Enrolments } from "./enrolments.ts";
import type { RouteHandlers } from "./http-app.ts";
import type { ClaimedMesh, MeshState } from "./mesh-state.ts";
import type { RegistryLog } from "./options.ts";
import type { Pairings } from "./pairings.ts";

export interface JoiningRoutesOptions {
  readonly audit: AuditRecorder;
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
  const { audit, mesh, claim, pairings, enrolments, clock, bounds, log, checkReady, finish } = options;
  const tries = { perAddress: bounds.pairingTriesPerMinute, inTotal: bounds.pairingTriesTotalPerMinute };
  const attempts = (): Attempts => new Attempts(tries, () => clock.monotonic());
  const [claimAttempts, enrolAttempts] = [attempts(), attempts()];
  // Whoever floods the one does not keep the other from coming in.
  const pairAttempts = { code: attempts(), link: attempts() };
  return {
    async claim({ body, address }) {
      checkReady();
      const act = { act: "mesh.claimed", by: byAddress(address) } as const;
      await audited(audit, act, () => claimAttempts.count(address));
      const { secret, ...statements } = body;
      // Whoever repeats its own claim, because the answer was lost, needs no secret: it changes nothing.
      const isAgain = mesh.claimed?.operators.chain[0] === statements.genesis;
      if (!isAgain) await audited(audit, act, () => claim.check(secret));
      const claimed = await audited(audit, act, () => mesh.claim({ ...statements, rotations: [] }));
      if (!isAgain) await audit.record({ ...act, subject: claimed.mesh });
      await finish(claimed);
      claim.spend();
      log("info", "mesh.claimed", { mesh: claimed.mesh });
      return mesh.nodeInfo();
    },
    async pair({ body, address }) {
      checkReady();
      const act = { act: "pairing.requested", by: byAddress(address) } as const;
      const state = await audited(audit, act, () => {
        pairAttempts[parsePairingCode(body.secret) === undefined ? "link" : "code"].count(address);
        return pairings.request(body, address);
      });
      log("info", "pairing.asked", { pairing: state.pairing, state: state.state });
      return state;
    },
    pairing: ({ param, query }) => pairings.state(requireId(param("pairing")), waitMsOf(query("wait"))),
    async enrol({ body, address }) {
      checkReady();
      const act = { act: "device-link.used", by: byAddress(address) } as const;
      const state = await audit.watched(act, () => {
        enrolAttempts.count(address);
        return enrolments.ask(body.enrolment, body.request);
      });
      log("info", "enrolment.asked", { state: state.state });
      return state;
    },
    enrolment: ({ param, query }) => enrolments.state(requireId(param("enrolment")), waitMsOf(query("wait"))),
  };
}

/** Writes an attempt down that failed; one that did not is written down where it is known what it changed. */
async function audited<Value>(
  audit: AuditRecorder,
  act: AuditRecord,
  work: () => Value | Promise<Value>,
): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    void audit.record({ ...act, code: toParleyError(error).code });
    throw error;
  }
}

function waitMsOf(wait = "0"): number {
  if (/^\d{1,2}$/.test(wait)) return Number(wait) * 1000;
  throw new ParleyError("invalid_argument", { message: "wait: is not a number of seconds below 100" });
}

function requireId(text: string): string {
  if (/^[A-Za-z0-9_-]{22}$/.test(text)) return text;
  throw new ParleyError("not_found", { message: "There is no such request to join." });
}
