import type { PolicyDocument } from "@parley/protocol";

/**
 * What holds while no operator published a policy: members do with each other what they like, guests talk and call nothing,
 * observers look. Shown by `parley policy show`, so that a policy of one's own can start from it.
 */
export const defaultPolicy: PolicyDocument = {
  rules: [
    { allow: ["see", "call", "message", "post"], who: ["role:operator", "role:member"] },
    { allow: ["see", "message", "post"], who: ["role:guest"] },
    { allow: ["see"], who: ["role:observer"] },
    { allow: ["invite", "approve"], who: ["role:operator"] },
  ],
};
