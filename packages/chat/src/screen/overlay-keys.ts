import type { ArchivedMessage } from "@parley/core";

import { switchChoices } from "../layout/overlay-pane.ts";
import type { ChatModel } from "../model/chat-model.ts";
import { neighbourOf } from "../model/conversation-list.ts";
import { edited } from "./editing-keys.ts";
import type { KeyPress } from "./key-press.ts";
import type { Overlay } from "./screen-state.ts";

export type OverlayAct =
  | { readonly type: "keep"; readonly overlay: Overlay }
  | { readonly type: "open"; readonly key: string }
  /** Opens a conversation below what lies over it. */
  | { readonly type: "show"; readonly key: string }
  | { readonly type: "found"; readonly message: ArchivedMessage }
  /** Looks for a member who is in no list. */
  | { readonly type: "look"; readonly name: string }
  | { readonly type: "close" };

const pageRows = 10;

/** What a key does while something lies over the conversation. */
export function overlayKey(overlay: Overlay, key: KeyPress, model: ChatModel): OverlayAct {
  if (key.name === "escape") return { type: "close" };
  switch (overlay.type) {
    case "help":
    case "page":
      return pageKey(overlay, key);
    case "list":
      return listKey(overlay, key, model);
    case "switch":
      return switchKey(overlay, key, model);
    case "found":
      return foundKey(overlay, key);
  }
}

const stepOf = ({ name }: KeyPress): number | undefined =>
  ({ up: -1, down: 1, pageup: -pageRows, pagedown: pageRows })[name as string];

function pageKey(overlay: Overlay & { type: "help" | "page" }, key: KeyPress): OverlayAct {
  const step = stepOf(key);
  if (step !== undefined) return { type: "keep", overlay: { ...overlay, top: Math.max(0, overlay.top + step) } };
  return key.name === "enter" || key.text === "q" || key.text === "?" ? { type: "close" } : { type: "keep", overlay };
}

function listKey(overlay: Overlay & { type: "list" }, key: KeyPress, model: ChatModel): OverlayAct {
  const step = key.name === "tab" ? (key.shift ? -1 : 1) : stepOf(key);
  if (step === undefined) return { type: "close" };
  const to = neighbourOf(model.state, Math.sign(step));
  return to === undefined ? { type: "keep", overlay } : { type: "show", key: to };
}

function switchKey(overlay: Overlay & { type: "switch" }, key: KeyPress, model: ChatModel): OverlayAct {
  const choices = switchChoices(overlay.query.text, model);
  const step = key.name === "tab" ? (key.shift ? -1 : 1) : stepOf(key);
  if (step !== undefined) {
    const index = Math.max(0, Math.min(choices.length - 1, overlay.index + step));
    return { type: "keep", overlay: { ...overlay, index } };
  }
  if (key.name === "enter") {
    const chosen = choices[overlay.index];
    if (chosen !== undefined) return { type: "open", key: chosen.key };
    return overlay.query.text === "" ? { type: "close" } : { type: "look", name: overlay.query.text };
  }
  const query = edited(overlay.query, key);
  return { type: "keep", overlay: query === undefined ? overlay : { ...overlay, query, index: 0 } };
}

function foundKey(overlay: Overlay & { type: "found" }, key: KeyPress): OverlayAct {
  const step = stepOf(key);
  if (step !== undefined) {
    const index = Math.max(0, Math.min(overlay.messages.length - 1, overlay.index + step));
    return { type: "keep", overlay: { ...overlay, index } };
  }
  const message = overlay.messages[overlay.index];
  return key.name === "enter" && message !== undefined ? { type: "found", message } : { type: "close" };
}
