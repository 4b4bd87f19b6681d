/** What both adapters agree on about the one data channel of a link. Changing any of it breaks links between versions. */

/** Both sides create the channel with this stream id; none is announced, so there is no race for who opens it. */
export const channelId = 1;
export const channelLabel = "parley";
/** Above this many buffered bytes `send` asks for a pause. */
export const highWaterBytes = 256 * 1024;
/** At this many buffered bytes the pause ends. */
export const lowWaterBytes = 64 * 1024;
/** An owner that sends on through a pause loses the link here: memory has an end. */
export const maxBufferedBytes = 16 * 1024 * 1024;
