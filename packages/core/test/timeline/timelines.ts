import {
  exportTimeline,
  partyOf,
  sha256,
  signEntry,
  signStatement,
  type TimelineEntry,
  type TimelineParty,
} from "@parley/core";
import type { TaskAct, TimelineKind, TimelineStatement } from "@parley/protocol";

import { FixedMesh, now, Person } from "../trust/fixed-mesh.ts";

/** Members of one mesh, and timelines that they write. */
export class Writers {
  readonly mesh: FixedMesh;
  readonly people: readonly Person[];
  readonly parties: ReadonlyMap<string, TimelineParty>;

  private constructor(mesh: FixedMesh, people: readonly Person[], parties: ReadonlyMap<string, TimelineParty>) {
    this.mesh = mesh;
    this.people = people;
    this.parties = parties;
  }

  static async create(count: number): Promise<Writers> {
    const mesh = await FixedMesh.create();
    const people: Person[] = [];
    const parties = new Map<string, TimelineParty>();
    for (let index = 0; index < count; index++) {
      const person = await Person.create();
      people.push(person);
      parties.set(person.member, partyOf(await mesh.record(person, { name: `member${index}` })));
    }
    return new Writers(mesh, people, parties);
  }

  person(index: number): Person {
    const person = this.people[index];
    if (person === undefined) throw new RangeError(`no person ${index}`);
    return person;
  }

  /** Signs acts one after the other, each by the person at its place. */
  async write<Kind extends TimelineKind>(
    kind: Kind,
    subject: string,
    acts: readonly { readonly by: number; readonly act: TimelineStatement<Kind>["act"] }[],
  ): Promise<TimelineEntry<Kind>[]> {
    const entries: TimelineEntry<Kind>[] = [];
    for (const [index, { by, act }] of acts.entries()) {
      const { member, device } = this.person(by);
      const place = { kind, mesh: this.mesh.mesh, subject, before: entries.at(-1) };
      entries.push(await signEntry(place, { by: member, iat: now + index, act }, device));
    }
    return entries;
  }

  export<Kind extends TimelineKind>(
    kind: Kind,
    subject: string,
    entries: readonly TimelineEntry<Kind>[],
    change: { readonly operators?: readonly string[]; readonly parties?: ReadonlyMap<string, TimelineParty> } = {},
  ): string {
    const { mesh, genesis } = this.mesh;
    return exportTimeline({ kind, mesh, subject, operators: [genesis], parties: this.parties, entries, ...change });
  }

  /** A task that the first person asked of the second. */
  async taskActs(): Promise<{ by: number; act: TaskAct }[]> {
    const digest = await sha256("a message");
    const caller = this.person(0).member;
    return [
      { by: 0, act: { type: "submitted", caller, skill: "search", digest } },
      { by: 1, act: { type: "state", state: "TASK_STATE_WORKING", at: now } },
      { by: 1, act: { type: "artifact", artifact: "answer", digest, at: now } },
      { by: 1, act: { type: "state", state: "TASK_STATE_COMPLETED", at: now } },
    ];
  }

  /** A second operator set, and a root key and device list after it of the person at a place. */
  async later(index: number): Promise<{ operators: string[]; party: TimelineParty }> {
    const { mesh, genesis, operator } = this.mesh;
    const person = this.person(index);
    const next = await Person.create();
    const operators = [genesis, await this.mesh.operators(genesis, [operator, next])];
    const rotation = await signStatement(
      "rotation",
      { mesh, member: person.member, number: 1, key: next.root.publicKey, iat: now },
      person.root,
    );
    const { publicKey, privateKey } = next.root;
    const newRoot = { id: person.member, publicKey, privateKey };
    const devices = await person.devices(
      mesh,
      {
        number: 2,
        devices: [{ device: next.device.id, key: next.device.publicKey, label: "phone", since: now }],
      },
      newRoot,
    );
    const record = await this.mesh.record(person, { name: `member${index}`, rotations: [rotation], devices });
    return { operators, party: partyOf(record, this.parties.get(person.member)) };
  }
}
