/**
 * Secrets of real forms, made up at test time from a seed: none was ever issued, and no source holds a whole one. Each is
 * put into a text as people and agents write it.
 */
import { seededRandom } from "./seeded.ts";

export interface Planted {
  readonly form: string;
  readonly secret: string;
  readonly text: string;
}

const upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const lower = upper.toLowerCase();
const digits = "0123456789";
const base32 = `${upper}234567`;
const hex = `${digits}abcdef`;
const word = upper + lower + digits;
const base64url = `${word}-_`;
const base64 = `${word}+/`;

type Make = (some: (alphabet: string, length: number) => string) => string;

/** Prefixes are put together here, so that no scanner of sources takes them for found ones. */
const join = (...parts: string[]): string => parts.join("");

const forms: readonly (readonly [form: string, make: Make, text: (secret: string) => string])[] = [
  ["AWS access key id", (s) => join("AK", "IA", s(base32, 16)), (x) => `The deploy role uses ${x} in eu-central-1.`],
  ["AWS secret key", (s) => s(base64, 40), (x) => `aws_secret_access_key = ${x}`],
  ["GitHub token", (s) => join("gh", "p_", s(word, 36)), (x) => `git clone with ${x}, it has repo scope`],
  ["GitHub app token", (s) => join("gh", "s_", s(word, 36)), (x) => `export GH_TOKEN=${x}`],
  [
    "GitHub fine-grained",
    (s) => join("github", "_pat_", s(word, 22), "_", s(word, 59)),
    (x) => `Use ${x} for the release.`,
  ],
  ["GitLab token", (s) => join("gl", "pat-", s(base64url, 20)), (x) => `curl --header "PRIVATE-TOKEN: ${x}"`],
  [
    "Slack bot token",
    (s) => join("xo", "xb-", s(digits, 12), "-", s(digits, 12), "-", s(word, 24)),
    (x) => `slack: {token: "${x}"}`,
  ],
  [
    "Slack webhook",
    (s) => join("https://hooks.", "slack.com/services/T", s(base32, 8), "/B", s(base32, 8), "/", s(word, 24)),
    (x) => `Post it to ${x} please`,
  ],
  ["Stripe key", (s) => join("sk", "_live_", s(word, 24)), (x) => `const stripe = new Stripe("${x}");`],
  ["Stripe webhook", (s) => join("wh", "sec_", s(word, 32)), (x) => `endpoint secret ${x}`],
  ["OpenAI key", (s) => join("sk", "-proj-", s(base64url, 74)), (x) => `OPENAI_API_KEY=${x}`],
  ["OpenAI key, earlier", (s) => join("sk", "-", s(word, 48)), (x) => `my key is ${x} but do not share it`],
  [
    "Anthropic key",
    (s) => join("sk", "-ant-", "api03-", s(base64url, 93), "AA"),
    (x) => `I put ${x} into .env for now.`,
  ],
  ["Google API key", (s) => join("AI", "za", s(base64url, 35)), (x) => `maps.load({ key: "${x}" })`],
  ["Google OAuth secret", (s) => join("GOC", "SPX-", s(base64url, 28)), (x) => `"client_secret":"${x}"`],
  ["Google access token", (s) => join("ya", "29.", s(base64url, 80)), (x) => `Authorization: Bearer ${x}`],
  ["npm token", (s) => join("np", "m_", s(word, 36)), (x) => `//registry.example.org/:_authToken=${x}`],
  ["PyPI token", (s) => join("py", "pi-", s(base64url, 160)), (x) => `twine upload -u __token__ -p ${x}`],
  [
    "SendGrid key",
    (s) => join("S", "G.", s(base64url, 22), ".", s(base64url, 43)),
    (x) => `mail goes by SendGrid (${x})`,
  ],
  ["Twilio key", (s) => join("S", "K", s(hex, 32)), (x) => `twilio: ${x}`],
  ["Mailgun key", (s) => join("ke", "y-", s(hex, 32)), (x) => `mailgun.setKey('${x}')`],
  ["Telegram bot token", (s) => join(s("123456789", 10), ":AA", s(base64url, 33)), (x) => `The bot answers under ${x}`],
  [
    "Discord bot token",
    (s) => join("M", s(word, 23), ".", s(word, 6), ".", s(base64url, 27)),
    (x) => `client.login("${x}")`,
  ],
  ["DigitalOcean token", (s) => join("dop", "_v1_", s(hex, 64)), (x) => `doctl auth init -t ${x}`],
  ["Hugging Face token", (s) => join("h", "f_", s(upper + lower, 34)), (x) => `huggingface-cli login --token ${x}`],
  ["Databricks token", (s) => join("da", "pi", s(hex, 32)), (x) => `databricks configure, then paste ${x}`],
  ["Shopify token", (s) => join("shp", "at_", s(hex, 32)), (x) => `X-Shopify-Access-Token: ${x}`],
  ["Vault token", (s) => join("hv", "s.", s(base64url, 90)), (x) => `vault login ${x}`],
  ["Linear key", (s) => join("lin", "_api_", s(word, 40)), (x) => `Linear takes ${x}.`],
  ["Notion token", (s) => join("nt", "n_", s(word, 46)), (x) => `notion = Client(auth="${x}")`],
  [
    "Atlassian token",
    (s) => join("ATA", "TT3", s(base64url, 180), "=", s(hex.toUpperCase(), 8)),
    (x) => `jira login: ${x}`,
  ],
  ["New Relic key", (s) => join("NR", "AK-", s(upper + digits, 27)), (x) => `newrelic ${x}`],
  ["Grafana token", (s) => join("gl", "sa_", s(word, 32), "_", s(hex, 8)), (x) => `grafana says ${x}`],
  ["Supabase token", (s) => join("sb", "p_", s(hex, 40)), (x) => `supabase login --token ${x}`],
  [
    "Docker token",
    (s) => join("dckr", "_pat_", s(base64url, 27)),
    (x) => `echo ${x} | docker login -u bot --password-stdin`,
  ],
  [
    "Tailscale key",
    (s) => join("tskey", "-auth-", s(word, 12), "-", s(word, 32)),
    (x) => `tailscale up --authkey ${x}`,
  ],
  ["Age key", (s) => join("AGE", "-SECRET-KEY-1", s(upper + digits, 58)), (x) => `# created today\n${x}\n`],
  [
    "JSON web token",
    (s) => join("ey", "J", s(base64url, 33), ".ey", "J", s(base64url, 80), ".", s(base64url, 43)),
    (x) => `The session is ${x}, valid for an hour.`,
  ],
  [
    "RSA key",
    (s) =>
      join(
        "-----BEGIN RSA PRIV",
        "ATE KEY-----\n",
        s(base64, 64),
        "\n",
        s(base64, 64),
        "\n-----END RSA PRIV",
        "ATE KEY-----",
      ),
    (x) => `id_rsa:\n${x}\nput it into ~/.ssh`,
  ],
  [
    "OpenSSH key",
    (s) =>
      join(
        "-----BEGIN OPENSSH PRIV",
        "ATE KEY-----\n",
        s(base64, 70),
        "\n",
        s(base64, 70),
        "\n-----END OPENSSH PRIV",
        "ATE KEY-----",
      ),
    (x) => `Here it is:\n${x}`,
  ],
  ["database address", (s) => s(word, 20), (x) => `DATABASE_URL=postgres://app:${x}@db.example.org:5432/app`],
  [
    "address with a password",
    (s) => join(s(lower, 6), "!", s(digits, 3), s(upper, 3)),
    (x) => `redis://:${x}@cache.example.org:6379/0`,
  ],
  [
    "Azure storage key",
    (s) => join(s(base64, 86), "=="),
    (x) => `DefaultEndpointsProtocol=https;AccountName=data;AccountKey=${x};EndpointSuffix=core.windows.net`,
  ],
  ["WireGuard key", (s) => join(s(base64, 43), "="), (x) => `[Interface]\nPrivateKey = ${x}\nAddress = 10.0.0.2/32`],
  [
    "password in YAML",
    (s) => join(s(lower, 5), s(digits, 4), s(upper, 3)),
    (x) => `db:\n  name: app\n  password: ${x}\n`,
  ],
  [
    "password in words",
    (s) => join(s(upper, 1), s(lower, 7), s(digits, 2), "!"),
    (x) => `The password is ${x}, change it after the first login.`,
  ],
  ["password in German", (s) => join(s(lower, 6), "#", s(digits, 3)), (x) => `Das Passwort ist ${x} für das WLAN.`],
  ["API key in JSON", (s) => s(hex, 32), (x) => `{"endpoint": "https://api.example.org", "api_key": "${x}"}`],
  ["basic authorization", (s) => s(base64, 28), (x) => `curl -H 'Authorization: Basic ${x}' https://example.org`],
  [
    "signed address",
    (s) => s(base64url, 43),
    (x) => `https://files.example.org/a.zip?expires=1767225600&signature=${x}`,
  ],
];

export function plantedSecrets(seed: number): readonly Planted[] {
  const random = seededRandom(seed);
  const some = (alphabet: string, length: number): string =>
    Array.from({ length }, () => alphabet[Math.floor(random() * alphabet.length)]).join("");
  return forms.map(([form, make, text]) => {
    const secret = make(some);
    return { form, secret, text: text(secret) };
  });
}
