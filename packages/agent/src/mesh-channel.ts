/** Channels as an agent's code reaches them: those of `Talk`, with everything ended that belongs to a task that ended. */
import {
  type ChannelConversation,
  type DeviceApi,
  type Draft,
  type PostsOptions,
  type Sent,
  talk,
  type Talk,
} from "@parley/client";
import { ParleyError } from "@parley/protocol";

/** What goes with a post's text. */
export type PostOptions = Omit<Draft, "text"> & {
  /** Gives up before it is accepted; what was accepted goes on. */
  readonly signal?: AbortSignal;
};

/** A channel. Everything throws `ParleyError`: `unknown_channel`, `not_in_channel`, `archived`, ... */
export interface MeshChannel extends Pick<
  ChannelConversation,
  "name" | "join" | "leave" | "view" | "members" | "history" | "edit" | "retract" | "react"
> {
  /** Resolves when the post is on disk; `settled` of the answer says whether the registry stored it. */
  post(text: string, options?: PostOptions): Promise<Sent>;
  /** Posts of others, in order, from where the last loop of this `name` stopped, also after a restart. Ends with its signal or its task. */
  subscribe(options?: PostsOptions): ReturnType<ChannelConversation["subscribe"]>;
}

/** One for each device, as long as that is there: it looks whether the device stopped. */
const talks = new WeakMap<DeviceApi, Talk>();

/** `until` ends every loop and gives up what was not accepted yet; `hops` says how far a post is from what began it, and may throw. */
export function channelOf(
  device: DeviceApi,
  name: string,
  until?: AbortSignal,
  hops: () => number = () => 0,
): MeshChannel {
  const channel = talkOn(device).channel(name);
  return {
    name: channel.name,
    join: () => channel.join(),
    leave: () => channel.leave(),
    view: () => channel.view(),
    members: () => channel.members(),
    history: (query) => channel.history(query),
    edit: (message, text) => channel.edit(message, text),
    retract: (message) => channel.retract(message),
    react: (message, reaction, on) => channel.react(message, reaction, on),
    post: async (text, { signal, ...draft } = {}) => {
      const how = either(signal, until);
      if (how.signal?.aborted === true) throw new ParleyError("canceled");
      return channel.post({ ...draft, text }, { ...how, hops: hops() });
    },
    subscribe: ({ signal, ...options } = {}) => channel.subscribe({ ...options, ...either(signal, until) }),
  };
}

function talkOn(device: DeviceApi): Talk {
  const known = talks.get(device);
  if (known !== undefined) return known;
  const made = talk(device);
  talks.set(device, made);
  return made;
}

function either(one: AbortSignal | undefined, other: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  if (one === undefined || other === undefined) {
    const signal = one ?? other;
    return signal === undefined ? {} : { signal };
  }
  return { signal: AbortSignal.any([one, other]) };
}
