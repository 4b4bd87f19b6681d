/** A chat in a terminal: a full screen, and lines for everything else. */
export type { ChatDevice } from "./chat-device.ts";
export { type ChatOptions, runChat } from "./run-chat.ts";
