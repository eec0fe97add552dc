import type { RouteOutItem } from "../../../inspection/route-view.ts";
import type { Health } from "../../model.ts";

/** How it is with a route that a peer should have. */
export function routeHealth(state: RouteOutItem["state"]): Health {
  if (state === "sent") return "good";
  return state === "pending" ? "doubtful" : "bad";
}
