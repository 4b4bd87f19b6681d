import { expect, it } from "vitest";

import { configurationPage } from "../../scripts/configuration-page.ts";

it("docs/configuration.md says what the table of settings says (npm run tidy:update accepts a change)", async () => {
  await expect(configurationPage()).toMatchFileSnapshot("../../docs/configuration.md");
});
