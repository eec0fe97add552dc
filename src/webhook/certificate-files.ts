import { watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { seconds } from "../net/micros.ts";
import type { Clock } from "../system/clock.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { readFacts } from "./certificate-facts.ts";
import type { CertificateTexts } from "./certificate-secret.ts";
import { Doorbell } from "./doorbell.ts";

export interface CertificateFilesPorts {
  readonly clock: Clock;
  readonly log: Log;
}

/** Watches of mounted volumes lose events, so the files are also read now and then. */
const READ_AGAIN = seconds(60);

/** Follows `tls.crt` and `tls.key` of a folder, as a mounted Secret has them, until the signal is aborted. */
export async function followCertificateFiles(
  { clock, log }: CertificateFilesPorts,
  folder: string,
  use: (texts: CertificateTexts) => void,
  signal: AbortSignal,
): Promise<void> {
  const bell = new Doorbell();
  let used: CertificateTexts | undefined;
  const watcher = watchFolder(folder, () => bell.ring());
  signal.addEventListener("abort", () => watcher?.close(), { once: true });
  while (!signal.aborted) {
    try {
      const texts = await readPair(folder);
      // A volume that is being written may show a key of one pair with the certificate of another.
      const fits = readFacts(texts, 0).server?.keyFits === true;
      const isNew = used?.certificate !== texts.certificate || used.key !== texts.key;
      if (fits && isNew) use(texts);
      if (fits) used = texts;
      else log.warn("certificate files do not belong together", { folder });
    } catch (error) {
      log.warn("certificate files not read", { folder, ...errorFields(error) });
    }
    await bell.wait(clock, READ_AGAIN, signal);
  }
}

async function readPair(folder: string): Promise<CertificateTexts> {
  const [certificate, key] = await Promise.all([
    readFile(join(folder, "tls.crt"), "utf8"),
    readFile(join(folder, "tls.key"), "utf8"),
  ]);
  return { authorities: "", authorityKey: "", certificate, key };
}

function watchFolder(folder: string, changed: () => void): { close(): void } | undefined {
  try {
    const watcher = watch(folder, changed);
    watcher.on("error", changed);
    return watcher;
  } catch (error) {
    // Not there yet: the files are looked for again in any case.
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}
