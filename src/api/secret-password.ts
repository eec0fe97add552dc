import type { Secret } from "./core.ts";

/** The only type of Secret that may hold a peer's password. */
const PASSWORD_SECRET_TYPE = "kubernetes.io/basic-auth";

/** A password, or why there is none. */
export type PasswordResult =
  | { readonly password: string; readonly problem?: never }
  | { readonly problem: string; readonly password?: never };

/** The password in a Secret, or why there is none. */
export function readPasswordSecret(secret: Secret): PasswordResult {
  const { name } = secret.metadata;
  if (secret.type !== PASSWORD_SECRET_TYPE) {
    return { problem: `secret type mismatch on "${name}": want ${PASSWORD_SECRET_TYPE}, not "${secret.type ?? ""}"` };
  }
  const { password: encoded } = secret.data ?? {};
  if (encoded === undefined) return { problem: `password not specified in the secret "${name}"` };
  const password = decodeBase64Text(encoded);
  return password === undefined ? { problem: `password in the secret "${name}" is no text in base64` } : { password };
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function decodeBase64Text(encoded: string): string | undefined {
  const compact = encoded.replace(/[\r\n]/g, "");
  if (!BASE64.test(compact)) return undefined;
  const text = new TextDecoder().decode(Uint8Array.from(atob(compact), (c) => c.charCodeAt(0)));
  return text.includes("\ufffd") ? undefined : text;
}

/** The base64 of a text's UTF-8, as Secrets hold it. */
export function encodeBase64Text(text: string): string {
  return btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(""));
}
