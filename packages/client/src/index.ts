export { certifyDevice, createIdentityDraft, type IdentityDraft, type IdentityDraftOptions } from "./identity-draft.ts";
export { type ApproveOptions, type CreatedInvite, type InviteRequest, Operator, type OperatorOptions, type PendingMember } from "./operator.ts";
export {
  awaitAdmission,
  checkPairing,
  claimMesh,
  fetchNode,
  type JoinedMesh,
  type PairingOptions,
  type PairingOutcome,
  type PairingRequest,
  pairWithLink,
  type PendingPairing,
  requestPairing,
} from "./pairing.ts";
export { callRoute, type RegistryHttpOptions, type RouteAnswer, type RouteCall } from "./registry-http.ts";
