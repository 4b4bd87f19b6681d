import { acting, typed } from "../agreement-access.ts";

export const run = acting(({ input }) => ({ type: "reject", ...typed("reason", input.text("reason")) }));
