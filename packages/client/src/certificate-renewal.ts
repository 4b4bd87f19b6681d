/** Keeps the certificate of the registry's node from running out: an operator's device signs the next one in time. */
import { type Clock, type MeshTrust, peekStatement, signStatement, type Timer } from "@parley/core";

import type { Notices } from "./notices.ts";
import type { OwnDevices } from "./own-devices.ts";
import { statementLifeMs } from "./pairing.ts";
import type { Session } from "./session.ts";

export interface CertificateRenewalOptions {
  readonly own: OwnDevices;
  readonly trust: MeshTrust;
  readonly session: Pick<Session, "welcome" | "isOpen" | "request">;
  readonly clock: Clock;
  readonly notices: Notices;
}

/** Part of its life that a certificate has left when it is renewed. */
const leastPart = 1 / 3;
const lookAgainMs = 86_400_000;

export class CertificateRenewal {
  readonly #options: CertificateRenewalOptions;
  #timer: Timer | undefined;
  /** The certificate that was renewed last: a session may know it for some hours more. */
  #renewed: string | undefined;

  constructor(options: CertificateRenewalOptions) {
    this.#options = options;
  }

  onSession(): void {
    this.#timer?.cancel();
    this.#look().catch(this.#options.notices.failed);
    this.#timer = this.#options.clock.setTimer(lookAgainMs, () => this.onSession());
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** One that has run out is renewed by a person's word only: the node may be one that was given up. */
  async #look(): Promise<void> {
    const { own, trust, session, clock, notices } = this.#options;
    const { root, member } = own.identity;
    const certificate = session.welcome?.certificate;
    if (!session.isOpen || certificate === undefined || certificate === this.#renewed) return;
    if (root === undefined || trust.operators.keys.get(member) !== root.publicKey) return;
    const { mesh, node, key, iat, exp } = peekStatement("node", certificate);
    const now = clock.now();
    if (exp <= now || exp - now >= (exp - iat) * leastPart) return;
    const next = await signStatement("node", { mesh, node, key, iat: now, exp: now + statementLifeMs }, root);
    await session.request("node.certify", { certificate: next });
    this.#renewed = certificate;
    notices.log("info", "node.certified", { until: now + statementLifeMs });
  }
}
