import type { DeviceApi, MemberView, Sender } from "@parley/client";
import { limits, type Path } from "@parley/protocol";

import { loadOf } from "./member-table.ts";

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

  after(device: DeviceApi, to: Sender, path: Path, allowed: readonly string[] | undefined): Reasons {
    const holders = this.#holders.map((holder) => ({
      name: holder.name,
      load: loadOf(holder),
      chosen: holder.member === to.member,
    }));
    const choice = this.#choice(holders.length);
    const pathReason = this.#pathReason(device, to, path, allowed);
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

  #pathReason(device: DeviceApi, to: Sender, path: Path, allowed: readonly string[] | undefined): string {
    const link = device.links().find((known) => known.device === to.device && known.state === "open");
    if (path === "direct" || path === "turn") {
      const route = link?.route === undefined ? "" : ` (${link.route.local} to ${link.route.remote})`;
      return `a link to its device was open${route}${path === "turn" ? ", through TURN" : ""}`;
    }
    if (allowed !== undefined && !allowed.includes("direct")) return "links were not allowed";
    return link === undefined
      ? "no link was up in time, and a first call does not wait for one"
      : "the last event came before the link was up";
  }
}
