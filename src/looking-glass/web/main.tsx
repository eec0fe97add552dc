import { render } from "preact";
import { Api, takeToken } from "./api.ts";
import { App } from "./app.tsx";
import { type Glass, GlassContext } from "./glass.ts";
import { Live } from "./live.ts";
import { Theme } from "./theme.ts";
import { Ticker } from "./ticker.ts";

const root = document.querySelector("#app");
if (root !== null) {
  const api = new Api(takeToken(window));
  const live = new Live(api);
  const theme = new Theme(document.documentElement, window.localStorage);
  const glass: Glass = { api, live, theme, ticker: new Ticker(), shown: new Map() };
  root.replaceChildren();
  render(
    <GlassContext.Provider value={glass}>
      <App />
    </GlassContext.Provider>,
    root,
  );
  void live.follow(new AbortController().signal);
}
