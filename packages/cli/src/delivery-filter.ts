/** The filters that `delivery list` and `delivery purge` share. */
import type { DeviceApi } from "@parley/client";
import type { DeliveryQuery } from "@parley/core";
import { type DeliveryState, deliveryStates, id32Schema, isParleyError, limits, ParleyError } from "@parley/protocol";

import type { CommandInput } from "./command-context.ts";

/** What `--state`, `--with`, `--in` and `--out` ask for. */
export type DeliveryFilter = Pick<DeliveryQuery, "states" | "peer" | "direction">;

export async function filterOf(input: CommandInput, device: DeviceApi): Promise<DeliveryFilter> {
  const states = statesOf(input.text("state"));
  const peer = input.text("with");
  const direction = directionOf(input);
  return {
    ...(states === undefined ? {} : { states }),
    ...(direction === undefined ? {} : { direction }),
    ...(peer === undefined ? {} : { peer: await memberIdOf(device, peer) }),
  };
}

/** `stored,expired`. Throws `invalid_argument` for a word that is no state. */
export function statesOf(text: string | undefined): readonly DeliveryState[] | undefined {
  if (text === undefined) return undefined;
  const words = text.split(",").map((word) => word.trim());
  const isState = (word: string): word is DeliveryState => (deliveryStates as readonly string[]).includes(word);
  const unknown = words.find((word) => !isState(word));
  if (unknown !== undefined)
    throw new ParleyError("invalid_argument", {
      message: `"${unknown}" is no state; the states are ${deliveryStates.join(", ")}.`,
    });
  return [...new Set(words.filter(isState))];
}

function directionOf(input: CommandInput): DeliveryFilter["direction"] {
  const [isIn, isOut] = [input.switch("in"), input.switch("out")];
  return isIn === isOut ? undefined : isIn ? "in" : "out";
}

/** The id of a member, also while the registry is away: from its name as it was when a message went or came. */
async function memberIdOf(device: DeviceApi, who: string): Promise<string> {
  if (id32Schema.safeParse(who).success) return who;
  if (device.state === "connected") {
    try {
      return (await device.memberOf(who)).member;
    } catch (error) {
      // Who is no member any more is remembered all the same.
      if (!isParleyError(error) || error.code !== "unknown_member") throw error;
    }
  }
  const name = who.replace(/^@/, "");
  for (let after: number | undefined, more = true; more;) {
    const query = { limit: limits.pageSize, newestFirst: true, ...(after === undefined ? {} : { after }) };
    const page = await device.deliveries(query);
    const found = page.records.find((record) => record.name === name);
    if (found !== undefined) return found.member;
    after = page.next;
    more = after !== undefined;
  }
  throw new ParleyError("not_found", { message: `This device remembers no message with @${name}.` });
}
