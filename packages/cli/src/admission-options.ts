import type { CommandOption } from "./command.ts";

/** What limits a member, where it is let in, changed or asks to be. `scopeOf` reads them. */
export const scopeOptions: readonly CommandOption[] = [
  { name: "skills", value: "LIST", means: "only these skills may be called: ids, separated by commas; - for none" },
  { name: "channels", value: "LIST", means: "only these channels may be seen, joined and posted in; - for none" },
];
