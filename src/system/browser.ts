import { spawn } from "node:child_process";

type Environment = Readonly<Record<string, string | undefined>>;

/** The program that opens a link on this desktop; undefined where there is none. */
export function browserCommand(platform: string, { DISPLAY, WAYLAND_DISPLAY }: Environment): string | undefined {
  if (platform === "darwin") return "open";
  const hasDesktop = [DISPLAY, WAYLAND_DISPLAY].some((one) => one !== undefined && one !== "");
  return platform === "linux" && hasDesktop ? "xdg-open" : undefined;
}

/** Opens a link in the browser; false where there is none. Whether it succeeds is the desktop's affair. */
export function openBrowser(link: string, environment: Environment): boolean {
  const command = browserCommand(process.platform, environment);
  if (command === undefined) return false;
  const child = spawn(command, [link], { detached: true, stdio: "ignore" });
  child.on("error", () => {});
  child.unref();
  return true;
}
