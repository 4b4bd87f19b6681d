/** An agreement, proposed by a model: always with a person's yes to exactly these terms. */
import { defineSkill } from "@parley/agent";
import { agreementTermsSchema, limits, priceSchema } from "@parley/protocol";
import { z } from "zod";

const { task, skill, conditions } = agreementTermsSchema.shape;
const hourMs = 3_600_000;

export const proposeSkill = defineSkill({
  id: "propose",
  description:
    "Proposes an agreement on work to another member, signed; a person approves the terms first. What becomes of it, parley agreement list shows.",
  approval: {},
  input: z.strictObject({
    to: z.string().min(1).describe("@name of the other party"),
    task: task.describe("what is to be done"),
    skill,
    price: priceSchema.optional(),
    conditions,
    deadlineHours: z.number().min(0.1).max(2160).optional().describe("hours from now until it has to be delivered"),
    worksMyself: z.boolean().optional().describe("whether this agent does the work; otherwise the other party does"),
  }),
  output: z.object({ agreement: z.string().max(limits.envelopeBytes), state: z.string() }),
  run: async ({ to, deadlineHours, worksMyself, task, skill, price, conditions }, { mesh }) => {
    const deadline = deadlineHours === undefined ? undefined : Math.round(Date.now() + deadlineHours * hourMs);
    const terms = {
      task,
      ...(skill === undefined ? {} : { skill }),
      ...(price === undefined ? {} : { price }),
      ...(conditions === undefined ? {} : { conditions }),
      ...(deadline === undefined ? {} : { deadline }),
    };
    const { agreement, state } = await mesh.agreements.propose(to, { terms, worksMyself });
    return { agreement, state };
  },
});
