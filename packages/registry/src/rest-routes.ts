import { channelNameSchema, id32Schema, ParleyError, parseName } from "@parley/protocol";

import type { RouteHandlers } from "./http-app.ts";
import type { MemberHandlers } from "./requests/request-handler.ts";

/** Requests of a session that scripts may make over HTTP. */
export type RestRequest = "directory.find" | "directory.get" | "channel.list" | "channel.get" | "channel.read";

export interface RestRoutesOptions {
  readonly requests: MemberHandlers<RestRequest>;
  readonly checkReady: () => void;
}

/** What scripts ask: each is answered by what answers the same request of a session. */
export function restRoutes({
  requests,
  checkReady,
}: RestRoutesOptions): Pick<RouteHandlers, "v1Members" | "v1Member" | "v1Channels" | "v1Posts"> {
  return {
    v1Members({ caller, query }) {
      checkReady();
      return requests["directory.find"](caller, query);
    },
    v1Member({ caller, param }) {
      checkReady();
      return requests["directory.get"](caller, wantedMember(param("name")));
    },
    v1Channels({ caller, query }) {
      checkReady();
      return requests["channel.list"](caller, query);
    },
    async v1Posts({ caller, param, query }) {
      checkReady();
      const name = channelNameSchema.safeParse(param("name").replace(/^#/, ""));
      if (!name.success) throw new ParleyError("unknown_channel");
      const { channel } = await requests["channel.get"](caller, { name: name.data });
      if (channel.kind !== "public")
        throw new ParleyError("forbidden", {
          message: "The posts of a channel for those who are invited are sealed to their devices.",
        });
      return requests["channel.read"](caller, { channel: channel.channel, ...query });
    },
  };
}

function wantedMember(text: string): { readonly name: string } | { readonly member: string } {
  if (id32Schema.safeParse(text).success) return { member: text };
  const name = parseName(text);
  if (name === undefined) throw new ParleyError("unknown_member");
  return { name };
}
