import type { Blocks } from "../blocks.ts";
import type { RequestHandlers, RequestsOf } from "./request-handler.ts";

export interface BlocksServices {
  readonly blocks: Blocks;
}

/** Whose frames the registry refuses in a member's name. */
export function blocksRequests({ blocks }: BlocksServices): RequestHandlers<RequestsOf<"blocks">> {
  return {
    "blocks.set": async (caller, { blocked }) => {
      await blocks.set(caller.member, blocked);
      return {};
    },
    "blocks.get": async (caller) => ({ blocked: await blocks.get(caller.member) }),
  };
}
