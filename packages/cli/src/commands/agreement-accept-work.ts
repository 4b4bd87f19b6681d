import { acting, typed } from "../agreement-access.ts";

export const run = acting(({ input }) => ({
  type: "accept-work",
  ...typed("note", input.text("note")),
  ...typed("payment", input.text("payment")),
}));
