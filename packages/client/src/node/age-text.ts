import { ParleyError } from "@parley/protocol";
/**
 * Texts sealed in age's format (age-encryption.org/v1), armored: `age -d` opens them, too. To a passphrase by scrypt
 * (RFC 7914) with 2^17 rounds, which costs about half a second and 128 MiB; or to a key pair, which costs nothing.
 */
import { armor, Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";

/** Exponent of scrypt's cost: files up to 20 are opened, beyond that one could fill the memory. */
const usualWorkFactor = 17;
/** A shorter passphrase is refused when something is sealed with it. */
export const leastPassphraseCharacters = 10;

/** A key pair of age: what is sealed to `recipient` opens with `secret`. */
export interface AgeKey {
  readonly secret: string;
  readonly recipient: string;
}

export async function createAgeKey(): Promise<AgeKey> {
  const secret = await generateX25519Identity();
  return { secret, recipient: await identityToRecipient(secret) };
}

/** Seals a text with a passphrase; `workFactor` is the exponent of scrypt's cost. Throws `invalid_argument` when it is too short. */
export async function sealWithPassphrase(
  text: string,
  passphrase: string,
  workFactor = usualWorkFactor,
): Promise<string> {
  if (passphrase.length < leastPassphraseCharacters)
    throw new ParleyError("invalid_argument", {
      message: `The passphrase needs at least ${leastPassphraseCharacters} characters.`,
    });
  const encrypter = new Encrypter();
  encrypter.setScryptWorkFactor(workFactor);
  encrypter.setPassphrase(passphrase.normalize("NFKC"));
  return armor.encode(await encrypter.encrypt(text));
}

/** Opens what `sealWithPassphrase` made. Throws `cannot_open`. */
export function openWithPassphrase(armored: string, passphrase: string): Promise<string> {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase.normalize("NFKC"));
  return open(armored, decrypter);
}

export async function sealTo(recipient: string, text: string): Promise<string> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return armor.encode(await encrypter.encrypt(text));
}

/** Opens what `sealTo` made. Throws `cannot_open`. */
export function openWithKey(armored: string, secret: string): Promise<string> {
  return open(armored, () => {
    const decrypter = new Decrypter();
    decrypter.addIdentity(secret);
    return decrypter;
  });
}

async function open(armored: string, decrypter: Decrypter | (() => Decrypter)): Promise<string> {
  try {
    const made = typeof decrypter === "function" ? decrypter() : decrypter;
    return await made.decrypt(armor.decode(armored), "text");
  } catch (cause) {
    throw new ParleyError("cannot_open", {
      message: "The passphrase or the key is wrong, or what it protects was changed.",
      cause,
    });
  }
}
