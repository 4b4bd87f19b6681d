/** How acts go out and come in: durable envelopes, sealed to each member that has a part in an agreement. */
import {
  type AgreementBody,
  agreementBodySchema,
  decodeJson,
  type Decoded,
  type Envelope,
  envelopeKinds,
  limits,
} from "@parley/protocol";

import { bodyOf, textOf } from "../body.ts";
import type { DurableStreams } from "../durable-streams.ts";

/** Accepts the acts for a member. `now`: registry time, ms since 1970. */
export async function sendActs(
  streams: DurableStreams,
  member: string,
  body: AgreementBody,
  now: number,
): Promise<void> {
  const head = {
    kind: envelopeKinds.agreement,
    critical: true,
    created: Math.round(now),
    ttl: 0,
    hops: 0,
    trace: undefined,
    origin: undefined,
  };
  const stream = await streams.to(member, undefined);
  await stream.accept(head, bodyOf(body));
}

/** What cannot be read is of a later version. */
export const readActs = ({ body }: Envelope): Decoded<AgreementBody> =>
  decodeJson(agreementBodySchema, textOf(body), limits.envelopeBytes);
