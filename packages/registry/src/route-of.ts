import { type RouteName, type routePace, routeTable } from "@parley/protocol";

const patterns = (Object.keys(routeTable) as RouteName[]).map((name) => ({
  name,
  method: routeTable[name].method.toUpperCase(),
  path: new RegExp(`^${routeTable[name].path.replaceAll(".", String.raw`\.`).replaceAll(/\{\w+\}/g, "[^/]+")}$`),
}));

/** The row of a request in the table of paces. */
export function routeOf(method: string | undefined, url: string | undefined): keyof typeof routePace {
  const path = url?.split("?", 1)[0] ?? "";
  if (path === "/join") return "join";
  return patterns.find((route) => route.method === method && route.path.test(path))?.name ?? "other";
}
