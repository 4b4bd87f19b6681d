/** What needs Node.js: for the processes that keep a registry and its edges. */
export { type HashedSecret, hashedSecretSchema, SecretHasher } from "./secret-hash.ts";
