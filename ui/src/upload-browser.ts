// What the uploader needs of the browser: the API, sending with progress, hashes, the network's state.

import { call } from "./api";
import type { Deps, SignedPart } from "./transfer/world";

/** XMLHttpRequest, because fetch reports no upload progress. */
function put(
  target: SignedPart,
  body: Blob,
  progress: (sent: number) => void,
  signal: AbortSignal,
): Promise<{ status: number; wait: number }> {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const end = (status: number) => {
      signal.removeEventListener("abort", abort);
      // A bucket's own answer has headers that pages may not read.
      const wait = target.url.startsWith("/") ? request.getResponseHeader("retry-after") : 0;
      resolve({ status, wait: Number(wait) || 0 });
    };
    const abort = () => request.abort();
    request.open(target.method, target.url);
    for (const [name, value] of Object.entries(target.headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => progress(event.loaded));
    request.addEventListener("load", () => end(request.status));
    request.addEventListener("error", () => end(0));
    request.addEventListener("abort", () => end(0));
    signal.addEventListener("abort", abort);
    if (!target.fields) return request.send(body);
    const form = new FormData();
    for (const { name, value } of target.fields) form.append(name, value);
    form.append("file", body);
    request.send(form);
  });
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function digest(blob: Blob): Promise<string | null> {
  // Absent on plain http: then size and name must do.
  if (!globalThis.crypto?.subtle) return null;
  return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer())));
}

export const deps: Deps = {
  server: {
    createVideo: (video, key) => call("POST", "/videos", video, undefined, { "idempotency-key": key }),
    createUpload: (upload) => call("POST", "/uploads", upload),
    parts: (id) => call("GET", `/uploads/${id}/parts`),
    sign: (id, numbers, proxied) => call("POST", `/uploads/${id}/parts/sign`, { numbers, proxied }),
    complete: (id) => call("POST", `/uploads/${id}/complete`),
    cancel: (id) => call("DELETE", `/uploads/${id}`),
    discard: (video) => call("DELETE", `/videos/${video}?now=true`),
  },
  put,
  digest,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        window.removeEventListener("online", end);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      window.addEventListener("online", end);
      signal.addEventListener("abort", end);
    }),
  online: (signal) =>
    new Promise((resolve) => {
      if (navigator.onLine) return resolve();
      window.addEventListener("online", () => resolve(), { once: true });
      signal.addEventListener("abort", () => resolve(), { once: true });
    }),
  isOnline: () => navigator.onLine,
  random: Math.random,
  // Not randomUUID, which browsers keep from pages on plain http.
  newKey: () => hex(crypto.getRandomValues(new Uint8Array(16))),
  now: Date.now,
};
