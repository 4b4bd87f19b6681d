import { addressRangeSchema, type ApiScope, apiScopeSchema, limits, ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

const scopes = apiScopeSchema.options;

/** Makes an API key. It is nowhere else from then on. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out } = context;
  const name = input.text("name");
  if (name === undefined)
    throw new ParleyError("invalid_argument", { message: "What is it for? Say --name ci, for example." });
  const lifeMs = input.duration("life", limits.apiKeyLifeMs);
  const addresses = listOf(input.texts("from"));
  for (const address of addresses)
    if (!addressRangeSchema.safeParse(address).success)
      throw new ParleyError("invalid_argument", {
        message: `${address} is no address or range of addresses, like 192.0.2.7 or 10.0.0.0/8.`,
      });
  const wanted = {
    name,
    scopes: scopesOf(listOf(input.texts("scope"))),
    ...(lifeMs === undefined ? {} : { lifeMs }),
    ...(addresses.length === 0 ? {} : { addresses }),
  };
  return withDevice(context, async ({ device }) => {
    const { key, text } = await device.request("key.create", wanted);
    out.result({ ...key, text }, () => {
      out.line(text);
      out.note(`For ${key.name}, until ${new Date(key.expires).toISOString()}: ${key.scopes.join(", ")}.`);
      out.note("Scripts send it as the header `authorization: Bearer …`, never in an address. It is not shown again.");
      out.note(`To end it: parley key revoke ${key.key}`);
    });
    return 0;
  });
};

const listOf = (texts: readonly string[]): string[] =>
  texts
    .flatMap((text) => text.split(","))
    .map((text) => text.trim())
    .filter((text) => text !== "");

function scopesOf(texts: readonly string[]): ApiScope[] {
  const known = `one or more of ${scopes.join(", ")}`;
  if (texts.length === 0)
    throw new ParleyError("invalid_argument", { message: `What may it do? Give --scope ${known}.` });
  return texts.map((text) => {
    const scope = apiScopeSchema.safeParse(text);
    if (!scope.success) throw new ParleyError("invalid_argument", { message: `${text} is no scope; give ${known}.` });
    return scope.data;
  });
}
