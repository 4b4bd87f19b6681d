/**
 * MLS groups (RFC 9420) on ts-mls: the GroupCrypto port of encrypted channels. Not here: which commits count, and where states
 * are kept.
 */
export { MlsGroups, type MlsGroupsOptions } from "./groups.ts";
