/** A call never comes back to a skill at work for which it is made, however many members lie between. */
import { type CallStep, limits, ParleyError } from "@parley/protocol";

/** Throws `call_cycle`, and `too_many_hops` for a call that has been through more skills than may be. */
export function checkCycle(
  member: string,
  { skill, through = [] }: { readonly skill: string; readonly through?: readonly CallStep[] | undefined },
): void {
  if (through.length > limits.hops) throw new ParleyError("too_many_hops");
  if (through.some((step) => step.member === member && step.skill === skill))
    throw new ParleyError("call_cycle", { message: `The skill ${skill} is at work on what this call is made for.` });
}
