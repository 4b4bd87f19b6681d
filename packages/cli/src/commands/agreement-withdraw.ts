import { acting, typed } from "../agreement-access.ts";

export const run = acting(({ input }) => ({ type: "withdraw", ...typed("reason", input.text("reason")) }));
