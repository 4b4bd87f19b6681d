import {
  createSigner,
  exportSigner,
  idOfKey,
  importSigner,
  peekStatement,
  type RecordChange,
  type Records,
  type Signer,
  signStatement,
  verifyStatement,
} from "@parley/core";
import { compactSchema, limits, parseJson, type RouteReply, type Statement } from "@parley/protocol";
import { z } from "zod";

import { JsonRecords } from "../json-records.ts";
import { afterPrefix, prefixes } from "../keys.ts";
import type { MeshState } from "../mesh-state.ts";

/** A text that nobody but this node reads, kept between starts: a file of its own rights. */
export interface PrivateText {
  read(): Promise<string | undefined>;
  /** Durable when resolved. */
  write(text: string): Promise<void>;
}

export interface TokenKeysOptions {
  readonly mesh: MeshState;
  readonly nodeKey: Signer;
  readonly records: Records;
  readonly now: () => number;
  /** How long one key signs. */
  readonly keyMs: number;
  /** Where the private halves are kept. Without it a restart ends the tokens of the life before. */
  readonly kept: PrivateText | undefined;
  /** The node made a key, of this id. */
  readonly onMade: (kid: string) => void;
}

interface OwnKey {
  readonly signer: Signer;
  readonly statement: string;
  /** When its last token may end. */
  readonly exp: number;
}

/** A token key that a node of the mesh certified. */
interface CertifiedKey {
  readonly key: string;
  readonly statement: string;
  readonly exp: number;
}

const storedSchema = z.object({ statement: compactSchema });
const keptSchema = z.object({
  v: z.literal(1),
  keys: z.array(z.object({ key: z.string(), statement: compactSchema })),
});
/** Others who keep the set of keys for a while know the next key before the first token under it. */
const longestAheadMs = 600_000;
/** Keys of all nodes that are known at a time. */
const mostKeys = 256;
const mostKeptBytes = 64 * 1024;

/**
 * The keys that session tokens are signed with. Each is certified by its node's key and signs for a time; it is made some
 * time before, and accepted until its last token has run out, so that nobody is left without a good one.
 */
export class TokenKeys {
  readonly #options: TokenKeysOptions;
  readonly #records: JsonRecords<z.infer<typeof storedSchema>>;
  readonly #aheadMs: number;
  /** Oldest first. */
  #own: readonly OwnKey[] = [];
  readonly #certified = new Map<string, CertifiedKey>();
  #renewing: Promise<void> | undefined;
  #isRead = false;

  constructor(options: TokenKeysOptions) {
    this.#options = options;
    this.#records = new JsonRecords(options.records, storedSchema);
    this.#aheadMs = Math.min(longestAheadMs, options.keyMs / 2);
  }

  async open(signal: AbortSignal): Promise<void> {
    await this.#options.records.watch(prefixes.tokenKey, (change) => this.#follow(change), { signal });
  }

  /** Signs tokens now. While the next key cannot be kept, the one before signs for as long as it may. */
  async signer(): Promise<Signer> {
    const failed = await this.#renew().then(
      () => undefined,
      (error: unknown) => error,
    );
    const now = this.#options.now();
    const found = this.#own.find(({ exp }) => exp - limits.sessionTokenMs > now);
    if (found === undefined) throw failed;
    return found.signer;
  }

  /** The key of this id, if a node of the mesh certified it and its last token may still live. */
  async find(kid: string): Promise<CertifiedKey | undefined> {
    const known = this.#certified.get(kid);
    if (known !== undefined) return known.exp > this.#options.now() ? known : undefined;
    // An id has a form; nothing else is looked up.
    if (!/^[A-Za-z0-9_-]{43}$/.test(kid)) return undefined;
    const stored = await this.#records.get(prefixes.tokenKey + kid);
    return stored === undefined ? undefined : this.#certify(kid, stored.value.statement);
  }

  /** The set as RFC 7517 writes it; empty while nobody has claimed the mesh. */
  async jwks(): Promise<RouteReply<"jwks">> {
    if (this.#options.mesh.claimed === undefined) return { keys: [] };
    await this.#renew();
    const now = this.#options.now();
    const good = [...this.#certified].filter(([, { exp }]) => exp > now);
    return {
      keys: good.map(([kid, { key: x, statement }]) => {
        return { kty: "OKP", crv: "Ed25519", x, kid, use: "sig", alg: "EdDSA", statement };
      }),
    };
  }

  /** Makes the next key ahead of its time and forgets those whose tokens have all run out. */
  async sweep(): Promise<void> {
    if (this.#own.length > 0) await this.#renew();
    const now = this.#options.now();
    for (const [kid, { exp }] of this.#certified) {
      if (exp > now) continue;
      this.#certified.delete(kid);
      await this.#records.deleteIf(prefixes.tokenKey + kid, () => true);
    }
  }

  /** One at a time, and only when the newest key is near its end. */
  async #renew(): Promise<void> {
    this.#renewing ??= this.#make().finally(() => {
      this.#renewing = undefined;
    });
    await this.#renewing;
  }

  async #make(): Promise<void> {
    const { mesh, nodeKey, now, keyMs, onMade } = this.#options;
    if (!this.#isRead) await this.#readKept();
    const iat = now();
    const newest = this.#own.at(-1);
    if (newest !== undefined && newest.exp - limits.sessionTokenMs - this.#aheadMs > iat) return;
    const signer = await createSigner("token");
    const exp = iat + keyMs + limits.sessionTokenMs;
    const payload = { mesh: mesh.require().mesh, node: nodeKey.id, key: signer.publicKey, iat, exp };
    const statement = await signStatement("token-key", payload, nodeKey);
    const own = [...this.#own.filter((one) => one.exp > iat), { signer, statement, exp }];
    // Kept first: a token under a key that is lost would die with the process.
    await this.#keep(own);
    await this.#publish(signer.id, statement);
    this.#own = own;
    onMade(signer.id);
  }

  async #publish(kid: string, statement: string): Promise<void> {
    await this.#records.change(prefixes.tokenKey + kid, (current) =>
      current === undefined ? { statement } : undefined,
    );
    await this.#certify(kid, statement);
  }

  async #keep(own: readonly OwnKey[]): Promise<void> {
    const { kept } = this.#options;
    if (kept === undefined) return;
    const keys = await Promise.all(
      own.map(async ({ signer, statement }) => ({ key: await exportSigner(signer), statement })),
    );
    await kept.write(`${JSON.stringify({ v: 1, keys })}\n`);
  }

  /** What is kept for another mesh or node, or damaged, is passed over: new keys cost five minutes of tokens at most. */
  async #readKept(): Promise<void> {
    const text = await this.#options.kept?.read();
    const json = text === undefined ? undefined : parseJson(text, mostKeptBytes);
    const parsed = keptSchema.safeParse(json?.ok === true ? json.value : undefined);
    const own: OwnKey[] = [];
    for (const { key, statement } of parsed.success ? parsed.data.keys : []) {
      const signer = await importSigner("token", key).catch(() => undefined);
      const certified = signer === undefined ? undefined : await this.#certify(signer.id, statement);
      if (signer === undefined || certified === undefined) continue;
      own.push({ signer, statement, exp: certified.exp });
      await this.#publish(signer.id, statement);
    }
    this.#own = own.toSorted((one, other) => one.exp - other.exp);
    this.#isRead = true;
  }

  #follow({ key, value }: RecordChange): void {
    const stored = this.#records.decode(value);
    // What somebody else wrote is believed when a node's signature says so, and else as good as not there.
    if (stored !== undefined) void this.#certify(afterPrefix(key, prefixes.tokenKey), stored.statement);
  }

  async #certify(kid: string, statement: string): Promise<CertifiedKey | undefined> {
    const verified = await this.#verify(kid, statement).catch(() => undefined);
    if (verified === undefined || this.#certified.size >= mostKeys) return undefined;
    const certified = { key: verified.key, statement, exp: verified.exp };
    this.#certified.set(kid, certified);
    return certified;
  }

  async #verify(kid: string, statement: string): Promise<Statement<"token-key"> | undefined> {
    const { mesh, now } = this.#options;
    const claimed = mesh.require();
    const certificate = peekStatement("node", claimed.certificate);
    if (certificate.node !== peekStatement("token-key", statement).signer) return undefined;
    const verified = await verifyStatement("token-key", statement, certificate.key);
    const isOfMesh = verified.mesh === claimed.mesh && verified.node === certificate.node;
    const isOfKey = (await idOfKey("token", verified.key)) === kid;
    return isOfMesh && isOfKey && verified.exp > now() && certificate.exp > now() ? verified : undefined;
  }
}
