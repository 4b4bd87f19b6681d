/** Who takes a member's durable messages, by what is known of the member, and by which paths a rule lets them go. */
import type { Path } from "@parley/protocol";

import type { AllowedPaths } from "./delivery.ts";
import type { MemberView } from "./member-view.ts";

/**
 * Devices of a member that take its messages: every listed one of a person; of an agent the one that holds the inbox,
 * by presence, or its only one. None while nothing is known of the member. What a person's device tells the others, it
 * does not take itself: `self`.
 */
export function takersOf(view: MemberView | undefined, self?: string): readonly string[] {
  if (view === undefined) return [];
  const listed = listedOf(view, self);
  if (view.kind === "person" || listed.length === 1) return listed;
  const holder = view.devices.find(({ inbox }) => inbox !== undefined);
  return holder === undefined ? [] : [holder.device];
}

function listedOf(view: MemberView, self: string | undefined): string[] {
  return [...view.verified.devices.keys()].filter((device) => device !== self);
}

/** The takers of one stream, as its recipient stands now. */
export class Takers {
  readonly #view: () => MemberView | undefined;
  readonly #paths: AllowedPaths | undefined;
  readonly #self: string | undefined;

  /** `self` is the device that sends. */
  constructor(view: () => MemberView | undefined, paths: AllowedPaths | undefined, self: string | undefined) {
    this.#view = view;
    this.#paths = paths;
    this.#self = self;
  }

  get devices(): readonly string[] {
    return takersOf(this.#view(), this.#self);
  }

  /** Something is known of the recipient. */
  get areKnown(): boolean {
    return this.#view() !== undefined;
  }

  /** One of them is connected. */
  get areLive(): boolean {
    return this.#view()?.live === true;
  }

  get isAgent(): boolean {
    return this.#view()?.kind === "agent";
  }

  /** Several instances of an agent take turns. */
  get takeTurns(): boolean {
    const view = this.#view();
    return view !== undefined && view.kind === "agent" && view.verified.devices.size > 1;
  }

  /** Several devices of a person share the stream: each has to get everything. */
  get share(): boolean {
    const view = this.#view();
    return view !== undefined && view.kind === "person" && listedOf(view, this.#self).length > 1;
  }

  /** Devices on the list of a person; undefined for an agent, and while nothing is known. */
  get ofPerson(): ReadonlySet<string> | undefined {
    const view = this.#view();
    return view?.kind === "person" ? new Set(listedOf(view, this.#self)) : undefined;
  }

  /** What a person's last device tells the others is for nobody. */
  get areNone(): boolean {
    const view = this.#view();
    return view !== undefined && view.kind === "person" && listedOf(view, this.#self).length === 0;
  }

  allows(path: Path): boolean {
    return this.#paths?.includes(path) ?? true;
  }

  /** A rule that forbids the mailbox lets frames pass it by, to devices that are connected. */
  get passMailboxBy(): boolean {
    return this.allows("relay") && !this.allows("mailbox");
  }
}
