import { expect, it } from "vitest";

import {
  coturnConfiguration,
  defaultRelayPorts,
  defaultTurnPort,
} from "../../packages/cli/src/turn/coturn-configuration.ts";

it("deploy/coturn/turnserver.conf is what parley turn config writes (npm run tidy:update accepts a change)", async () => {
  const text = coturnConfiguration({
    realm: "turn.example.org",
    secret: "REPLACE-WITH-THE-REGISTRYS-TURN-SECRET",
    port: defaultTurnPort,
    relayPorts: defaultRelayPorts,
  });
  await expect(text).toMatchFileSnapshot("../../deploy/coturn/turnserver.conf");
});
