/** Texts without a secret that look a little like some: code, ids, hashes, content in base64, what people write about secrets. */
import { seededRandom } from "./seeded.ts";

const hex = "0123456789abcdef";
const word = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const base64 = `${word}+/`;
const base64url = `${word}-_`;

type Some = (alphabet: string, length: number) => string;

const uuid = (some: Some): string =>
  `${some(hex, 8)}-${some(hex, 4)}-4${some(hex, 3)}-a${some(hex, 3)}-${some(hex, 12)}`;

/** Made anew for each number, so that one lucky value does not decide. */
const made: readonly ((some: Some, at: number) => string)[] = [
  (some) => uuid(some),
  (some) => `Request ${uuid(some)} took 31 ms`,
  (some) => `Merged as ${some(hex, 40)}`,
  (some) => `see commit ${some(hex, 7)} on main`,
  (some) => `sha256:${some(hex, 64)}`,
  (some) => `"integrity": "sha512-${some(base64, 86)}=="`,
  (some) => `"resolved": "https://packages.example.org/left/-/left-1.${some("0123456789", 1)}.0.tgz"`,
  (some) => `data:image/png;base64,${some(base64, 120)}`,
  (some) => `member ${some(base64url, 43)} joined`,
  (some) => `etag: W/"${some(hex, 16)}"`,
  (some) => `traceparent: 00-${some(hex, 32)}-${some(hex, 16)}-01`,
  (some) => `id: ${some(base64url, 22)}`,
  (some) => `ssh-ed25519 ${some(base64, 68)} ada@example.org`,
  (some) => `fingerprint SHA256:${some(base64, 43)}`,
  (some) => `image: registry.example.org/app@sha256:${some(hex, 64)}`,
  (some) => `<script nonce="${some(base64, 22)}==">`,
  (some, at) => `row ${at}: ${some(word, 12)};${some("0123456789", 9)};${some(word, 6)}`,
  (some) => `MD5 (file.iso) = ${some(hex, 32)}`,
  (some) => `block 0x${some(hex, 64)} confirmed`,
  (some) => `mac ${[1, 2, 3, 4, 5, 6].map(() => some(hex, 2)).join(":")}`,
  (some) => `public key: ${some(base64, 43)}=`,
  (some) => `Build ${some("0123456789", 6)} of release/${some("0123456789", 1)}.${some("0123456789", 2)} passed`,
];

/** As they stand in sources, documents and conversations. */
const writtenTexts: readonly string[] = [
  "const token = await session.getToken();",
  "let password: string | undefined;",
  "password: z.string().min(8).max(64)",
  "if (secret === undefined) throw new Error('no secret');",
  "token: tokens[index],",
  "return { token, secret, password };",
  "apiKey: process.env.API_KEY2,",
  "const apiKey = config.get('api-key');",
  "secret = load_secret('database')",
  "PASSWORD=$DB_PASSWORD",
  "password: ${{ secrets.DB_PASSWORD_2 }}",
  "token = os.environ['TOKEN_1']",
  "export API_KEY=<your key here>",
  "api_key: YOUR_API_KEY",
  "password=********",
  "password: [left out]",
  "The password is stored as a hash.",
  "The password is required.",
  "The token is valid for five minutes.",
  "Your password was changed yesterday.",
  "The secret is to whisk the eggs first.",
  "Is the token expired?",
  "Please rotate the API key before Friday.",
  "A password has at least 12 characters, one of them a digit.",
  "secret: the one that both sides know",
  "Token: a word, or a part of one",
  "max_tokens: 4096",
  "tokens: 1532, cost: 0.02",
  "token_count=12345678",
  "tokenizer: cl100k_base",
  "password_min_length = 12",
  "secretName: database-credentials",
  "kubectl get secret app-config -o yaml",
  "passwordField.value = ''",
  "type Secret = { readonly name: string }",
  "interface TokenOptions { readonly audience: string }",
  "import { createToken } from './token.ts';",
  "https://example.org/reset?lang=de&page=2",
  "https://example.org/docs/tokens#access-token",
  "postgres://localhost:5432/app",
  "postgres://app@db.example.org/app",
  "http://[::1]:8080/",
  "mailto:ada@example.org",
  "Authorization: Bearer <token>",
  "Authorization: Basic ...",
  "authorization is checked by the gateway",
  "The bearer of this letter may enter.",
  "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIU\n-----END CERTIFICATE-----",
  "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----",
  "the PRIVATE KEY block goes into the vault, never here",
  "sk-learn is a library, sk-2 a street",
  "npm_config_cache=/cache npm install",
  "gh pr create --fill",
  "hf_hub_download(repo, file)",
  "key-value store with 3 replicas",
  "AKIA is how such ids begin",
  "eyJhbGciOi is the beginning of a JSON web token",
  "const passwordHash = await argon2.hash(input);",
  "pass: 48, fail: 2, skip: 0",
  "pass=true",
  "passes: 3 of 4",
  "compass: north-west",
  "password_reset_url: /auth/reset",
  "secret_santa: december",
  "credentials: include",
  "credentials: 'same-origin'",
  "token: Token.Identifier",
  "auth_token_ttl: 300s",
  "The new API key is in the vault under payments/stripe.",
  "Wie lautet das Passwort für das Gästenetz? Frag bitte Marta.",
  "Le mot de passe est envoyé par courrier.",
  "const secret = randomBytes(32).toString('hex');",
  "secret.length >= 32",
  "password != confirmation",
  "const { password } = request.body;",
  "SECRET_KEY_BASE is generated by rails secret",
  "usage: login --password PASSWORD",
  "docker run -e TOKEN app:1.4.2",
  "git commit -m 'Rotate tokens' # 2026-03-04",
  "The passphrase is asked for twice.",
];

export function harmlessTexts(seed: number): readonly string[] {
  const random = seededRandom(seed);
  const some: Some = (alphabet, length) =>
    Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join("");
  return [...writtenTexts, ...made.flatMap((make) => Array.from({ length: 24 }, (_, at) => make(some, at)))];
}
