import type { DoctorCheck } from "./finding.ts";
import { homeChecks } from "./home-checks.ts";
import { machineChecks } from "./machine-checks.ts";
import { networkChecks } from "./network-checks.ts";
import { registryChecks } from "./registry-checks.ts";

/** Every check, in the order in which one fault explains the next. */
export const doctorChecks: readonly DoctorCheck[] = [
  ...machineChecks,
  ...homeChecks,
  ...registryChecks,
  ...networkChecks,
];
