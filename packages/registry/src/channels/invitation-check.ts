import { peekStatement } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import type { SessionIdentity } from "../session.ts";
import type { KnownChannel } from "./channel-table.ts";

/**
 * Checks that an invitation says what its request says, in the name of who asks; its signature is the business of those
 * who let the invited one into the group. An encrypted channel needs one. Throws `invalid_argument` or `forbidden`.
 */
export function checkInvitation(
  channel: KnownChannel,
  member: string,
  invitation: string | undefined,
  caller: SessionIdentity,
  mesh: string,
): void {
  if (invitation === undefined) {
    if (!channel.record.encrypted) return;
    throw new ParleyError("invalid_argument", { message: "invitation: an encrypted channel needs one" });
  }
  if (!channel.record.encrypted)
    throw new ParleyError("invalid_argument", { message: "invitation: only encrypted channels need one" });
  const said = peekStatement("invitation", invitation);
  if (said.mesh !== mesh) throw new ParleyError("wrong_mesh");
  if (said.channel !== channel.id || said.member !== member)
    throw new ParleyError("invalid_argument", { message: "invitation: is for another member or channel" });
  if (said.by !== caller.member || said.signer !== caller.device)
    throw new ParleyError("forbidden", { message: "A device invites in its own name only." });
}
