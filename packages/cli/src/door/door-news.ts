import type { ParleyError } from "@parley/protocol";

import type { Presenter } from "../presenter.ts";

/** What becomes of the plain door in the mesh. */
export interface DoorNews {
  /** `pending`: it waits for an operator; `ended`: it will not be, or is not any more, a member. */
  readonly state: "pending" | "admitted" | "ended";
  readonly name: string;
  readonly member: string;
  readonly error?: ParleyError;
}

export function printDoorNews(out: Presenter, { state, name, member, error }: DoorNews): void {
  const said = error === undefined ? {} : { error: { code: error.code, message: error.message } };
  const says = {
    pending: `The plain door @${name} waits to be let in. An operator runs: parley member approve ${name}`,
    admitted: `The plain door @${name} is open.`,
    ended: `The plain door @${name} is not in the mesh: ${error?.message ?? ""}`,
  };
  out.event({ event: "door", state, name, member, ...said }, says[state]);
}
