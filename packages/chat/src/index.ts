/** A chat in a terminal: a full screen, and lines for everything else. */
export type { ChatDevice, ListedMember } from "./chat-device.ts";
export { type ChatOptions, openChat, type OpenChat, runChat } from "./run-chat.ts";
export { type PlainChatOptions, runPlainChat } from "./run-plain-chat.ts";
