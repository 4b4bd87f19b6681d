/** How far a channel was taken: kept with the channel's conversation in the archive. */
import { limits, parseJson } from "@parley/protocol";
import { z } from "zod";

export interface ChannelMark {
  readonly epoch: string;
  /** Everything up to here was taken. */
  readonly offset: number;
  /**
   * What is added to an offset to order a post in the archive. 0 until the registry comes back from a backup: its offsets then stand for
   * other posts, and come after what is there.
   */
  readonly base: number;
}

const markSchema = z.object({
  epoch: z.string().min(1).max(64),
  offset: z.int().min(0),
  base: z.int().min(0),
});
const mostCharacters = limits.labelCharacters * 4;

export const textOfMark = ({ epoch, offset, base }: ChannelMark): string => JSON.stringify({ epoch, offset, base });

/** Undefined for none, and for one that cannot be read: the channel is taken anew, which doubles nothing. */
export function markIn(text: string | undefined): ChannelMark | undefined {
  const json = text === undefined ? undefined : parseJson(text, mostCharacters);
  const mark = json?.ok === true ? markSchema.safeParse(json.value) : undefined;
  return mark?.success === true ? mark.data : undefined;
}
