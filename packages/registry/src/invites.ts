import { type Clock, peekStatement, type Random, type Records, sha256 } from "@parley/core";
import {
  compactSchema,
  fromBase64url,
  id16Schema,
  id32Schema,
  type Invite,
  labelSchema,
  limits,
  ParleyError,
  parsePairingCode,
  type Statement,
  toBase64url,
} from "@parley/protocol";
import { z } from "zod";

import type { RegistryBounds } from "./bounds.ts";
import { CodeGuesses } from "./code-guesses.ts";
import { JsonRecords } from "./json-records.ts";
import { afterPrefix, keys, prefixes } from "./keys.ts";

const time = z.int().min(0);
const storedInviteSchema = z.object({
  invite: id16Schema,
  kind: z.enum(["code", "link"]),
  createdBy: id32Schema,
  created: time,
  expires: time,
  uses: z.int().min(1).max(limits.inviteUses),
  label: labelSchema.optional(),
  /** The operator's `grant` of a pre-approved link. */
  grant: compactSchema.optional(),
  /** Who took it, with the pairing that came of it. */
  claimants: z.array(z.object({ member: id32Schema, pairing: id16Schema })).max(limits.inviteUses),
});
type StoredInvite = z.infer<typeof storedInviteSchema>;

const pepperSchema = z.object({ pepper: id32Schema });

const defaultLinkLifeMs = 86_400_000;
/** Codes drawn before we give up on finding a free one: with 256 invites of a million codes, two are enough. */
const mostDraws = 16;

export interface InvitesOptions {
  readonly records: Records;
  readonly clock: Clock;
  readonly random: Random;
  readonly bounds: RegistryBounds;
  /** Too many wrong codes were tried. */
  readonly onLocked: () => void;
}

export interface NewInvite {
  readonly kind: "code" | "link";
  readonly lifeMs?: number | undefined;
  readonly uses?: number | undefined;
  readonly label?: string | undefined;
}

/** A pre-approved link, as its operator made it. */
export interface ApprovedInvite {
  readonly label?: string | undefined;
  /** What is derived from the link's secret, which the registry never learns. */
  readonly redeem: string;
  readonly compact: string;
  /** What it says; verified. */
  readonly grant: Statement<"grant">;
}

export interface Redemption {
  readonly invite: string;
  readonly pairing: string;
  readonly label: string | undefined;
  readonly grant: string | undefined;
}

/** Invites: links for one or several members, and six-digit codes for one. Secrets are kept as hashes only. */
export class Invites {
  readonly #options: InvitesOptions;
  readonly #invites: JsonRecords<StoredInvite>;
  readonly #guesses: CodeGuesses;
  #pepper: string | undefined;

  constructor(options: InvitesOptions) {
    this.#options = options;
    const { bounds, clock } = options;
    this.#guesses = new CodeGuesses({
      most: bounds.codeFailures,
      windowMs: bounds.codeLifeMs,
      monotonic: () => clock.monotonic(),
      onLocked: options.onLocked,
    });
    this.#invites = new JsonRecords(options.records, storedInviteSchema);
  }

  /** Opens an invite and answers its secret, which is nowhere else from then on. */
  async create(createdBy: string, wanted: NewInvite): Promise<{ invite: Invite; secret: string }> {
    const { clock, random, bounds } = this.#options;
    const isCode = wanted.kind === "code";
    await this.#checkRoom(isCode);
    const created = clock.now();
    const lifeMs = isCode
      ? Math.min(wanted.lifeMs ?? bounds.codeLifeMs, bounds.codeLifeMs)
      : (wanted.lifeMs ?? defaultLinkLifeMs);
    const stored: StoredInvite = {
      invite: toBase64url(random.bytes(16)),
      kind: wanted.kind,
      createdBy,
      created,
      expires: created + lifeMs,
      uses: isCode ? 1 : (wanted.uses ?? 1),
      ...(wanted.label === undefined ? {} : { label: wanted.label }),
      claimants: [],
    };
    for (let draw = 0; draw < mostDraws; draw++) {
      const secret = isCode ? drawCode(random) : toBase64url(random.bytes(16));
      const kept = await this.#invites.change(keys.invite(await this.#hash(secret)), (current) =>
        current === undefined || current.expires <= created ? stored : undefined,
      );
      if (kept?.value.invite === stored.invite) return { invite: shown(stored), secret };
    }
    throw new ParleyError("conflict", { message: "No free pairing code was found; try again." });
  }

  /** Opens a pre-approved link under the id, life and uses of its grant. Throws `already_exists` for one that is known. */
  async createApproved(createdBy: string, { label, redeem, compact, grant }: ApprovedInvite): Promise<Invite> {
    const created = this.#options.clock.now();
    if (grant.exp <= created || grant.exp - created > limits.inviteLifeMs + limits.clockSkewMs)
      throw new ParleyError("invalid_argument", { message: "grant: the link would live for too long, or is over" });
    await this.#checkRoom(false);
    const stored: StoredInvite = {
      invite: grant.invite,
      kind: "link",
      createdBy,
      created,
      expires: grant.exp,
      uses: grant.uses,
      ...(label === undefined ? {} : { label }),
      grant: compact,
      claimants: [],
    };
    const kept = await this.#invites.change(keys.invite(await this.#hash(redeem)), (current) =>
      current === undefined ? stored : undefined,
    );
    if (kept?.value.grant !== compact) throw new ParleyError("already_exists");
    return shown(kept.value);
  }

  /** A page of the invites that can still be used. */
  async list(limit: number, after?: string): Promise<{ invites: Invite[]; next?: string }> {
    const invites: Invite[] = [];
    let last: string | undefined;
    const start = after === undefined ? undefined : keys.invite(after);
    for await (const { key, value } of this.#invites.all(prefixes.invite, this.#options.bounds.invites * 4, start)) {
      if (!this.#isOpen(value)) continue;
      if (invites.length === limit && last !== undefined) return { invites, next: last };
      invites.push(shown(value));
      last = afterPrefix(key, prefixes.invite);
    }
    return { invites };
  }

  async cancel(invite: string): Promise<void> {
    for await (const { key, value } of this.#invites.all(prefixes.invite, this.#options.bounds.invites * 4)) {
      if (value.invite !== invite) continue;
      if (await this.#invites.deleteIf(key, (current) => current.invite === invite)) return;
    }
    throw new ParleyError("not_found", { message: "No such invite is open." });
  }

  /**
   * Takes a use of an invite for a member. The same member gets the same pairing again, however often it asks.
   * Throws `invalid_link` when there is no such secret and `expired` when it ran out or was used up.
   */
  async redeem(secret: string, member: string): Promise<Redemption> {
    if (parsePairingCode(secret) === undefined) return this.#redeem(secret, member);
    const guess = this.#guesses.begin();
    const redemption = await this.#redeem(secret, member);
    guess.right();
    return redemption;
  }

  /** What a member took of an invite before; undefined when it did not. */
  async redeemed(secret: string, member: string): Promise<Redemption | undefined> {
    const kept = await this.#invites.get(keys.invite(await this.#hash(secret)));
    return kept?.value.claimants.some((claimant) => claimant.member === member) === true
      ? redemptionOf(kept.value, member)
      : undefined;
  }

  async #redeem(secret: string, member: string): Promise<Redemption> {
    const { clock, random } = this.#options;
    const pairing = toBase64url(random.bytes(16));
    const kept = await this.#invites.change(keys.invite(await this.#hash(secret)), (current) => {
      if (current === undefined)
        throw new ParleyError("invalid_link", { message: "No such invite is open; ask for a new one." });
      if (current.claimants.some((claimant) => claimant.member === member)) return undefined;
      if (current.expires <= clock.now())
        throw new ParleyError("expired", { message: "The invite has expired; ask for a new one." });
      if (current.claimants.length >= current.uses)
        throw new ParleyError("expired", { message: "The invite is used up; ask for a new one." });
      return { ...current, claimants: [...current.claimants, { member, pairing }] };
    });
    if (kept === undefined) throw new ParleyError("conflict");
    return redemptionOf(kept.value, member);
  }

  /** Deletes what has run out and answers how many are open. Used ones stay until then, so that asking again works. */
  async sweep(): Promise<number> {
    let open = 0;
    for await (const { key, value } of this.#invites.all(prefixes.invite, this.#options.bounds.invites * 4)) {
      if (value.expires <= this.#options.clock.now())
        await this.#invites.deleteIf(key, (current) => current.invite === value.invite);
      else if (this.#isOpen(value)) open++;
    }
    return open;
  }

  /** Throws `limit_reached` when as many are open as may be: of codes fewer, because each makes guessing easier. */
  async #checkRoom(isCode: boolean): Promise<void> {
    const { bounds } = this.#options;
    if ((await this.sweep()) >= bounds.invites)
      throw new ParleyError("limit_reached", { message: "Too many invites are open; cancel some." });
    if (!isCode) return;
    let codes = 0;
    for await (const { value } of this.#invites.all(prefixes.invite, bounds.invites * 4))
      if (value.kind === "code" && this.#isOpen(value)) codes++;
    if (codes >= bounds.openCodes)
      throw new ParleyError("limit_reached", { message: "Too many codes are open; use a link, or cancel some." });
  }

  #isOpen(stored: StoredInvite): boolean {
    return stored.expires > this.#options.clock.now() && stored.claimants.length < stored.uses;
  }

  /** A link's secret is random enough for a plain hash; a code has six digits and gets the mesh's pepper. */
  async #hash(secret: string): Promise<string> {
    const code = parsePairingCode(secret);
    if (code !== undefined) return sha256(`parley-code-v1:${await this.#codePepper()}:${code}`);
    if (fromBase64url(secret)?.length !== 16) throw new ParleyError("invalid_link");
    return sha256(`parley-invite-v1:${secret}`);
  }

  async #codePepper(): Promise<string> {
    const fresh = toBase64url(this.#options.random.bytes(32));
    const records = new JsonRecords(this.#options.records, pepperSchema);
    this.#pepper ??= (
      await records.change(keys.codePepper, (current) => (current === undefined ? { pepper: fresh } : undefined))
    )?.value.pepper;
    return this.#pepper ?? fresh;
  }
}

function shown(stored: StoredInvite): Invite {
  const { claimants, grant: compact, ...rest } = stored;
  const invite = { ...rest, used: claimants.length };
  if (compact === undefined) return invite;
  const { roles, kind, name } = peekStatement("grant", compact);
  const approved = { roles, ...(kind === undefined ? {} : { kind }), ...(name === undefined ? {} : { name }) };
  return { ...invite, approved };
}

function redemptionOf({ invite, label, grant, claimants }: StoredInvite, member: string): Redemption {
  const claimant = claimants.find((one) => one.member === member);
  if (claimant === undefined) throw new ParleyError("conflict");
  return { invite, pairing: claimant.pairing, label, grant };
}

/** Every code is as likely as any other: draws that would favour some are thrown away. */
function drawCode(random: Random): string {
  const codes = 10 ** limits.codeDigits;
  const fair = Math.floor(2 ** 32 / codes) * codes;
  for (;;) {
    const [value = 0] = new Uint32Array(random.bytes(4).buffer);
    if (value < fair) return String(value % codes).padStart(limits.codeDigits, "0");
  }
}
