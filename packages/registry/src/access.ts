import { type ApiScope, requestTable, type RequestType, type Role, type RouteName, routeTable } from "@parley/protocol";

/** Roles that may send frames to other members and posts to channels. Observers only read. */
export const frameRoles: readonly Role[] = ["operator", "admin", "member", "guest"];

/** One way in, and who may take it. */
export interface AccessRow {
  readonly via: "http" | "session";
  /** `GET /node`, `directory.find`, `frame`, `challenge`. */
  readonly what: string;
  /** `anyone` proves nothing; `secret` brings a one-time secret; else one of these roles, proved by a session, its token or an API key. */
  readonly needs: "anyone" | "secret" | readonly Role[];
  /** What an API key of such a member has to be for; without one, no API key will do. */
  readonly scope?: ApiScope;
  /** Open to anyone where the settings of the node say so. */
  readonly bySetting?: true;
}

/** Every route and frame type of the registry with what it needs. Nothing is served that is not in here. */
export const accessTable: readonly AccessRow[] = [
  ...Object.values(routeTable).map((route): AccessRow => ({
    via: "http",
    what: `${route.method.toUpperCase()} ${route.path}`,
    needs: "roles" in route ? route.roles : route.access,
    ...("scope" in route ? { scope: route.scope } : {}),
    ...(route.access === "setting" ? { bySetting: true } : {}),
  })),
  { via: "http", what: "GET /join", needs: "anyone" },
  { via: "http", what: "GET /session", needs: "anyone" },
  { via: "session", what: "proof", needs: "anyone" },
  ...Object.entries(requestTable).map(([type, { roles }]): AccessRow => ({ via: "session", what: type, needs: roles })),
  { via: "session", what: "frame", needs: frameRoles },
  { via: "session", what: "post", needs: frameRoles },
];

/** Whether one of these roles is enough for a route that needs a session token. */
export function mayCall(name: RouteName, roles: readonly Role[]): boolean {
  const route = routeTable[name];
  return "roles" in route && route.roles.some((role) => roles.includes(role));
}

/** Whether one of these roles is enough for a request. */
export function mayRequest(type: RequestType, roles: readonly Role[]): boolean {
  return requestTable[type].roles.some((role) => roles.includes(role));
}
