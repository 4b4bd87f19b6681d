import { acting } from "../agreement-access.ts";

export const run = acting(() => ({ type: "accept" }));
