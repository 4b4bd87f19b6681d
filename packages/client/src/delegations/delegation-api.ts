import type { DelegateRequest, TaskRun } from "../tasks/task-run.ts";

/** What a delegation is for. */
export interface DelegationTerms {
  /** Skills that may be called by it; a `*` at an end stands for any rest. */
  readonly skills: readonly string[];
  /** Milliseconds from now. Default one hour, at most `limits.delegationLifeMs`; a chain's end if that is sooner. */
  readonly lifeMs?: number;
}

/** A delegation that this member gave. */
export interface GivenDelegation {
  readonly id: string;
  /** Id of the member or sub-agent that it is to. */
  readonly to: string;
  /** What that one is called. */
  readonly name: string;
  readonly skills: readonly string[];
  /** Milliseconds since 1970. */
  readonly expires: number;
  readonly withdrawn: boolean;
}

/** Something that acts for this member under a key of its own, as long as this process lives. */
export interface SubAgent {
  readonly id: string;
  readonly label: string;
  /** As `DeviceApi.delegate`, in this one's name. */
  delegate(to: string | undefined, request: Omit<DelegateRequest, "chain" | "acting">): Promise<TaskRun>;
  /** Takes its delegation back: what it has others do ends within a second. */
  end(): Promise<void>;
}

/** Who may act for this member. */
export interface DelegationApi {
  /** Lets another member act for this one, or for whom this one acts by `chain`; answers the whole chain, to hand over as a mandate. */
  give(to: string, terms: DelegationTerms, chain?: readonly string[]): Promise<readonly string[]>;
  list(): Promise<readonly GivenDelegation[]>;
  /** Takes one back, by its id. Throws `not_found`, or `forbidden` on a device without the root key. */
  withdraw(id: string): Promise<void>;
  subAgent(label: string, terms: DelegationTerms): Promise<SubAgent>;
}
