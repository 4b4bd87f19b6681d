import { type ErrorCode, isParleyError } from "@parley/protocol";

/** Codes of ERROR: those of agentchat 0.3, and below the line what it had none for. */
export type DoorCode =
  | "AUTH_REQUIRED"
  | "INVALID_MSG"
  | "CHANNEL_NOT_FOUND"
  | "NOT_INVITED"
  | "RATE_LIMITED"
  | "AGENT_NOT_FOUND"
  | "CHANNEL_EXISTS"
  | "SIGNATURE_REQUIRED"
  | "INVALID_PROPOSAL"
  // ---
  | "VERIFICATION_FAILED"
  | "SESSION_DISPLACED"
  | "LIMIT_REACHED"
  | "REFUSED"
  | "UNAVAILABLE";

/** Why something was not done, in words for whoever asked. Never holds a secret or content. */
export class Refusal extends Error {
  readonly code: DoorCode;
  /** The connection ends with it. */
  readonly closes: boolean;

  constructor(code: DoorCode, message: string, options: { closes?: boolean } = {}) {
    super(message);
    this.name = "Refusal";
    this.code = code;
    this.closes = options.closes ?? false;
  }
}

const ofMesh: Partial<Record<ErrorCode, readonly [DoorCode, string]>> = {
  unknown_channel: ["CHANNEL_NOT_FOUND", "There is no such channel."],
  archived: ["CHANNEL_NOT_FOUND", "The channel is archived: it can be read by members of the mesh, not written."],
  not_invited: ["CHANNEL_NOT_FOUND", "There is no such channel."],
  not_in_channel: ["NOT_INVITED", "Join the channel first."],
  already_exists: ["CHANNEL_EXISTS", "A channel of this name exists."],
  name_taken: ["CHANNEL_EXISTS", "A channel of this name exists."],
  unknown_member: ["AGENT_NOT_FOUND", "Nobody has this id or name."],
  revoked: ["AGENT_NOT_FOUND", "Nobody has this id or name."],
  blocked: ["REFUSED", "The recipient takes no messages from this door."],
  refused: ["REFUSED", "The recipient refused it."],
  request_pending: ["REFUSED", "The recipient has not yet accepted messages from this door."],
  key_changed: ["REFUSED", "The recipient's key has changed; an operator of the door has to compare it first."],
  secret_required: ["REFUSED", "The recipient takes only messages under a shared secret."],
  forbidden: ["REFUSED", "The mesh does not allow this door to do that."],
  rate_limited: ["RATE_LIMITED", "The door sends too fast for the mesh; wait a moment."],
  limit_reached: ["LIMIT_REACHED", "A limit of the mesh is reached."],
  mailbox_full: ["LIMIT_REACHED", "The recipient's mailbox is full."],
  too_large: ["INVALID_MSG", "It is larger than the mesh takes."],
  invalid_argument: ["INVALID_MSG", "The mesh does not take this form."],
};

/** Any thrown value as a refusal; what is not ours shows nothing of its inside. */
export function toRefusal(value: unknown): Refusal {
  if (value instanceof Refusal) return value;
  const known = isParleyError(value) ? ofMesh[value.code] : undefined;
  return known === undefined
    ? new Refusal("UNAVAILABLE", "The mesh cannot be reached at present; try again in a moment.")
    : new Refusal(...known);
}
