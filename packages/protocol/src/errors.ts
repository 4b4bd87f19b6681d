/**
 * The one table of errors: code, whether trying again can help, HTTP status, WebSocket close code and the sentence
 * for people. Every binding maps from here and nowhere else. Close codes by range: 41xx come back after a pause,
 * 42xx come back with other credentials, 43xx and 44xx do not come back (RFC 6455 section 7.4.2 leaves 4000-4999 to us).
 */

interface ErrorRow {
  readonly retryable: boolean;
  readonly status: number;
  readonly close: number;
  readonly exit: ExitCode;
  readonly says: string;
}

/** Exit codes of every command: 0 done, 1 failed, 2 usage, 3 not reachable, 4 refused. */
export type ExitCode = 0 | 1 | 2 | 3 | 4;

const row = (retryable: boolean, status: number, close: number, exit: ExitCode, says: string): ErrorRow => ({
  retryable,
  status,
  close,
  exit,
  says,
});

export const errorTable = {
  // The input is wrong: mend it.
  invalid_argument: row(false, 400, 4300, 2, "The request is not of the documented form; correct it."),
  malformed_frame: row(false, 400, 4301, 1, "The bytes are not a frame of this protocol."),
  unsupported_kind: row(false, 400, 4302, 1, "The recipient does not know this kind of envelope; update it."),
  too_large: row(false, 413, 4303, 1, "It is larger than the limit; send it in parts."),
  invalid_input: row(false, 422, 4304, 1, "The input does not fit the skill's schema; see `parley agents --skill`."),
  invalid_output: row(false, 502, 4305, 1, "The agent answered with something that does not fit its own schema."),
  invalid_manifest: row(false, 400, 4306, 2, "agent.yaml is not valid; run `parley validate`."),
  invalid_config: row(false, 400, 4307, 2, "A setting is not valid; see docs/configuration.md."),
  invalid_name: row(
    false,
    400,
    4308,
    2,
    "A name has 1-32 characters a-z, 0-9, '-', '_' or '.', and starts with a letter or digit.",
  ),
  invalid_link: row(false, 400, 4309, 2, "This is not an invite link or code; copy the whole line."),
  unsupported_version: row(false, 400, 4310, 1, "The two sides share no protocol version; update the older one."),
  version_downgrade: row(false, 400, 4311, 4, "The other side offers an older protocol than it spoke before; refused."),
  // Who you are.
  unauthenticated: row(false, 401, 4200, 4, "The proof of identity failed or is missing; pair this device again."),
  not_admitted: row(
    true,
    403,
    4201,
    4,
    "An operator has not approved this member yet; ask for `parley member approve`.",
  ),
  revoked: row(false, 403, 4312, 4, "An operator revoked this member."),
  rejected: row(false, 403, 4313, 4, "An operator rejected this request to join."),
  forbidden: row(false, 403, 4314, 4, "Your roles do not allow this; ask an operator."),
  lease_expired: row(
    true,
    401,
    4202,
    4,
    "The membership lease ran out; it is renewed when the registry can be reached.",
  ),
  clock_skew: row(false, 401, 4203, 4, "The clocks of the two sides differ too much; set them."),
  superseded: row(false, 409, 4315, 4, "A newer session of this device took over."),
  device_in_use: row(false, 409, 4316, 1, "Another process holds this device; stop it, or use another home folder."),
  device_removed: row(false, 403, 4343, 4, "Its member took this device off the list; enrol it anew by a device link."),
  identity_locked: row(
    false,
    403,
    4361,
    4,
    "The keys in this home are under a passphrase; set PARLEY_PASSPHRASE_FILE or PARLEY_PASSPHRASE, or run it on a terminal.",
  ),
  keyring_unavailable: row(
    false,
    503,
    4362,
    1,
    "No keyring of the system can be used here, or it is locked; unlock it, or protect the keys with a passphrase.",
  ),
  // What somebody claims does not hold.
  bad_signature: row(false, 401, 4317, 4, "A signature does not match; what it covers was not accepted."),
  registry_key_mismatch: row(
    false,
    403,
    4318,
    4,
    "This registry does not hold a key certified by your mesh's operators; it is not the one you paired with.",
  ),
  stale_statement: row(
    false,
    409,
    4319,
    4,
    "A statement is older than one already seen; somebody tries to roll it back.",
  ),
  name_mismatch: row(false, 409, 4320, 4, "The directory answered with another member than the one asked for."),
  name_changed: row(
    false,
    409,
    4321,
    4,
    "Another member holds this name now; compare keys with its owner before you trust it.",
  ),
  card_mismatch: row(false, 409, 4322, 4, "The member's signed card does not say what the directory claims."),
  fingerprint_mismatch: row(
    false,
    403,
    4323,
    4,
    "The link is not with the device that it was signalled for; it was closed.",
  ),
  replayed: row(false, 409, 4324, 4, "This was seen before or was meant for an earlier start; it was not acted on."),
  wrong_mesh: row(false, 403, 4325, 4, "This belongs to another mesh."),
  cannot_open: row(false, 400, 4326, 1, "The frame is sealed to a key that this device does not have."),
  // It is not there.
  not_found: row(false, 404, 4327, 1, "There is no such thing here; check the name."),
  method_not_allowed: row(false, 405, 4333, 1, "The address exists but not for this method."),
  unknown_member: row(false, 404, 4328, 1, "No member has this name or id; see `parley members`."),
  no_holder: row(true, 404, 4100, 3, "No live agent offers this skill; see `parley agents --skill`."),
  not_connected: row(true, 503, 4101, 3, "The recipient is not connected."),
  unreachable: row(true, 503, 4102, 3, "It cannot be reached; check the address and that it runs."),
  path_unavailable: row(true, 503, 4103, 3, "The path that was asked for cannot be had; allow another one."),
  self_call: row(false, 400, 4329, 2, "A member does not call itself."),
  // It is in the wrong state.
  conflict: row(true, 409, 4104, 1, "Somebody else changed it first; read it again and retry."),
  already_exists: row(false, 409, 4330, 1, "It exists already; nothing was overwritten."),
  name_taken: row(false, 409, 4331, 4, "A member with this name, or one that looks the same, exists; choose another."),
  already_claimed: row(false, 409, 4332, 4, "This mesh has its first operator already; ask for an invite."),
  expired: row(false, 410, 4334, 4, "It has expired; ask for a new one."),
  closed: row(true, 503, 4105, 1, "It was closed while this was under way."),
  canceled: row(false, 499, 4335, 1, "The caller canceled it."),
  timeout: row(true, 504, 4106, 1, "It took longer than the time limit."),
  refused: row(false, 403, 4336, 4, "The recipient refused it."),
  task_failed: row(false, 500, 4337, 1, "The skill failed."),
  task_not_found: row(false, 404, 4338, 1, "There is no such task, or it is not yours."),
  task_not_cancelable: row(false, 409, 4339, 1, "The task has ended already."),
  unsupported_operation: row(false, 400, 4340, 1, "The agent does not do this."),
  blocked: row(false, 403, 4344, 4, "The recipient takes no messages of this member."),
  request_pending: row(
    false,
    403,
    4351,
    4,
    "The recipient does not know this member and has not answered its request yet; wait until it is accepted.",
  ),
  secret_required: row(
    false,
    403,
    4345,
    4,
    "This conversation is protected by a shared secret; set it with `parley secret set`.",
  ),
  key_changed: row(
    false,
    409,
    4346,
    4,
    "The key behind this name is another one than before; compare words with `parley verify` before you write.",
  ),
  not_in_channel: row(false, 403, 4347, 4, "You are not in this channel; join it first."),
  unknown_channel: row(
    false,
    404,
    4348,
    1,
    "There is no such channel, or it is not yours to see; see `parley channel list`.",
  ),
  not_invited: row(false, 403, 4349, 4, "This channel is for those who are invited; ask one of its members."),
  archived: row(false, 409, 4350, 1, "The channel is archived: it can be read, not written."),
  audit_broken: row(
    false,
    409,
    4355,
    4,
    "The audit log does not hold together, or is not the one that was seen before; see docs/audit.md.",
  ),
  group_changed: row(true, 409, 4117, 1, "The channel's group has changed; take the newest commits and try again."),
  not_holder: row(true, 409, 4115, 1, "Another instance of this agent holds its inbox; that one takes its messages."),
  needs_quorum: row(false, 403, 4352, 4, "More operators have to agree to this; see `parley operator proposals`."),
  out_of_scope: row(
    false,
    403,
    4353,
    4,
    "The admission limits this member to other skills or channels; ask an operator for `parley member change`.",
  ),
  not_operator: row(
    false,
    403,
    4354,
    4,
    "The roles operator and admin belong to members of the operator set; see `parley operator add`.",
  ),
  // What guards refuse.
  too_many_hops: row(
    false,
    403,
    4364,
    4,
    "It was passed on by as many members as may be; ask the one who began it. See docs/guards.md.",
  ),
  call_cycle: row(false, 409, 4365, 4, "The call came back to a skill that it went through already."),
  loop_stopped: row(
    false,
    409,
    4366,
    4,
    "Agents went round in circles in this conversation; it goes on when a person speaks. See docs/guards.md.",
  ),
  do_not_disturb: row(true, 503, 4124, 3, "The recipient takes nothing now; try again later."),
  // What the mesh's operators allow.
  denied_by_policy: row(
    false,
    403,
    4373,
    4,
    "The mesh's policy does not allow this; `parley policy explain` says which rule decides.",
  ),
  approval_denied: row(false, 403, 4374, 4, "Whoever was asked to approve this said no."),
  approval_expired: row(false, 410, 4375, 4, "Nobody approved this in time; ask again."),
  bad_approval: row(false, 403, 4376, 4, "An approval does not hold for this action; it was not acted on."),
  approval_required: row(
    false,
    403,
    4377,
    4,
    "The policy asks for an approval first, and there are too few that hold.",
  ),
  not_approvable: row(
    false,
    403,
    4378,
    4,
    "A rule asks for an approval of what is encrypted between members, which nobody outside can compare; change the rule.",
  ),
  bad_delegation: row(false, 403, 4380, 4, "The delegation does not let this member act for another one here."),
  delegation_withdrawn: row(false, 403, 4381, 4, "Whoever delegated this took it back."),
  paused: row(true, 409, 4129, 4, "An operator paused this member; it goes on where it was once it is resumed."),
  muted: row(true, 403, 4130, 4, "An operator muted this member: it may read, not write."),
  banned: row(true, 403, 4131, 4, "An operator banned this member for a time."),
  over_budget: row(true, 429, 4132, 4, "The member used up its budget; see `parley budget show`."),
  kicked: row(true, 409, 4136, 1, "An operator ended this session; the device may come back."),
  stopped: row(false, 403, 4385, 4, "An operator stopped this member; it may run again once it is resumed."),
  muted_in_channel: row(false, 403, 4386, 4, "This member may read in the channel, not write, until that is lifted."),
  interrupted: row(
    true,
    503,
    4139,
    1,
    "The agent started anew while it worked on this, and the skill does not go on; it may be half done.",
  ),
  banned_from_channel: row(false, 403, 4387, 4, "This member may not come into the channel until that is lifted."),
  // Agents with models.
  model_unavailable: row(true, 503, 4141, 1, "The agent's model cannot be asked now; try again later."),
  model_refused: row(
    false,
    502,
    4401,
    1,
    "The agent's model did not take what it was asked; the agent's log says why.",
  ),
  turns_used_up: row(
    false,
    422,
    4402,
    1,
    "The agent's model came to no answer within its turns; ask for less at once.",
  ),
  // Bounds and resources.
  limit_reached: row(true, 429, 4107, 1, "A limit is reached; wait until earlier work is done. See docs/limits.md."),
  rate_limited: row(true, 429, 4108, 1, "Too many requests; slow down."),
  slow_reader: row(true, 429, 4109, 1, "This device did not read what was sent to it; it may come back."),
  mailbox_full: row(true, 429, 4110, 1, "The recipient's mailbox is full."),
  headers_too_large: row(false, 431, 4358, 1, "The head of the request is larger than it may be; send fewer headers."),
  unsupported_encoding: row(
    false,
    415,
    4359,
    1,
    "Bodies are taken as they are, not compressed; leave content-encoding out.",
  ),
  too_slow: row(true, 408, 4121, 1, "The request came too slowly; send it again over a better connection."),
  storage_full: row(true, 507, 4111, 1, "The disk is full; free some space."),
  storage_unavailable: row(true, 503, 4112, 1, "The data folder cannot be used; check that it exists and its rights."),
  data_too_new: row(false, 500, 4341, 1, "The data was written by a newer Parley; update this one."),
  address_in_use: row(false, 500, 4342, 1, "The port is in use; choose another with --port."),
  draining: row(true, 503, 4113, 3, "The registry is shutting down; come back in a moment."),
  internal: row(true, 500, 4114, 1, "Something failed that should not; the log has more."),
  // The board.
  lease_ended: row(false, 409, 4392, 1, "The lease of this work has ended; what comes under it is not taken any more."),
  worker_lost: row(true, 503, 4135, 1, "Whoever worked on this was lost, as often as it may be tried; try it again."),
  dependency_failed: row(false, 409, 4393, 1, "A task that this one waits for ended without success."),
  // Advisory leases.
  lease_held: row(false, 409, 4406, 1, "Somebody else holds this lease; wait for it, or work on something else."),
  lease_lost: row(false, 409, 4407, 1, "The lease is not held any more: it ran out, was given back or broken."),
  // Credentials.
  scope_missing: row(false, 403, 4370, 4, "The API key was not made for this; make one with the scope that it needs."),
  // Timelines and agreements.
  timeline_broken: row(
    false,
    409,
    4388,
    4,
    "The timeline does not hold together, or somebody changed it; see docs/agreements.md.",
  ),
  act_not_allowed: row(
    false,
    409,
    4389,
    4,
    "The agreement is not in a state for this, or it is another member's to do; see `parley agreement show`.",
  ),
} as const satisfies Record<string, ErrorRow>;

/** A code of the table. */
export type ErrorCode = keyof typeof errorTable;

/** Whether a string from outside is a code that we know. */
export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(errorTable, value);
}

/** Whether trying again later can help. */
export function isRetryable(code: ErrorCode): boolean {
  return errorTable[code].retryable;
}

const brand = Symbol.for("parley.error");

export interface ErrorOptions {
  /** What happened, to which id, and what to do. Never a secret or content. Default: the table's sentence. */
  readonly message?: string;
  readonly cause?: unknown;
  /** Small, JSON-able facts for programs. */
  readonly data?: Readonly<Record<string, unknown>>;
}

/** The only error that crosses a boundary of the product. Branch on `code`, never on the text. */
export class ParleyError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly data: Readonly<Record<string, unknown>> | undefined;
  readonly [brand] = true;

  constructor(code: ErrorCode, options: ErrorOptions = {}) {
    super(options.message ?? errorTable[code].says, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "ParleyError";
    this.code = code;
    this.retryable = errorTable[code].retryable;
    this.data = options.data;
  }
}

/** Recognises our error across copies of this package. */
export function isParleyError(value: unknown): value is ParleyError {
  return typeof value === "object" && value !== null && brand in value;
}

/** Any thrown value as a coded error; what is not ours becomes `internal` with the original as cause. */
export function toParleyError(value: unknown): ParleyError {
  if (isParleyError(value)) return value;
  return new ParleyError("internal", { cause: value });
}

/** The error that a WebSocket close code stands for, if it is one of ours. */
export function errorCodeOfClose(close: number): ErrorCode | undefined {
  return (Object.keys(errorTable) as ErrorCode[]).find((code) => errorTable[code].close === close);
}

/** What a session does after a close code: `retry` with back-off, `renew` credentials first, or `stop`. */
export function afterClose(close: number): "retry" | "renew" | "stop" {
  if (close >= 4300 && close < 4500) return "stop";
  return close >= 4200 && close < 4300 ? "renew" : "retry";
}
