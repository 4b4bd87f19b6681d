import type { DeviceApi, MemberView, PathReason, Sender } from "@parley/client";
import { limits, type Path } from "@parley/protocol";

import { loadOf } from "./member-table.ts";
import { pathReasonText } from "./path-reason-text.ts";

/** Why a task went where it went and how; for people and, as an object, for programs. */
export interface Reasons {
  readonly holders: readonly { readonly name: string; readonly load: number; readonly chosen: boolean }[];
  readonly chosen: string;
  readonly choice: string;
  readonly path: Path;
  readonly pathReason: string;
  readonly lines: readonly string[];
}

export class Explanation {
  readonly #to: string | undefined;
  readonly #skill: string;
  readonly #holders: readonly MemberView[];

  private constructor(to: string | undefined, skill: string, holders: readonly MemberView[]) {
    this.#to = to;
    this.#skill = skill;
    this.#holders = holders;
  }

  /** Looks at who could do it, before it is asked for. */
  static async before(device: DeviceApi, to: string | undefined, skill: string): Promise<Explanation> {
    const { members } = await device.find({ skill, live: true, limit: limits.pageSize });
    return new Explanation(
      to,
      skill,
      members.filter(({ member }) => member !== device.member),
    );
  }

  after(device: DeviceApi, to: Sender, path: Path, reason: PathReason | undefined): Reasons {
    const holders = this.#holders.map((holder) => ({
      name: holder.name,
      load: loadOf(holder),
      chosen: holder.member === to.member,
    }));
    const choice = this.#choice(holders.length);
    const pathReason = pathReasonOf(device, to, path, reason);
    const listed = holders.map(({ name, load, chosen }) => `${chosen ? "->" : "  "} @${name}  load ${load}`);
    const lines = [
      `live holders of ${this.#skill}: ${holders.length}`,
      ...listed,
      `chosen: @${to.name}, because ${choice}`,
      `path: ${path}, because ${pathReason}`,
    ];
    return { holders, chosen: to.name, choice, path, pathReason, lines };
  }

  #choice(count: number): string {
    if (this.#to !== undefined) return "it was named";
    return count <= 1 ? "it is the only live holder" : `it is the least loaded of ${count} live holders`;
  }
}

function pathReasonOf(device: DeviceApi, to: Sender, path: Path, reason: PathReason | undefined): string {
  const link = device.links().find((known) => known.device === to.device && known.state === "open");
  const route = path !== link?.path || link.route === undefined ? "" : ` (${link.route.local} to ${link.route.remote})`;
  return `${reason === undefined ? "of the ways that were open it was the best" : pathReasonText(reason, path)}${route}`;
}
