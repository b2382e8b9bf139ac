/// <reference lib="webworker" />
// Keeps the page's files for later visits, and sends the headers that a plain file server leaves out: with them the
// browser lets the networks draw with several threads.

export {}; // Makes this file a module, in which `self` can be declared anew.

declare const self: ServiceWorkerGlobalScope;

/** All files of the build: the SHA-256 of each, and whether it is kept at once or when it is first asked for. */
declare const FILES: Record<string, { hash: string; atOnce: boolean }>;

/** The policy that the page's head states, for the worker too. */
declare const POLICY: string;

const CACHE = "grain-viewer";
const HEADERS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Content-Security-Policy": POLICY,
};

self.addEventListener("install", (event) => event.waitUntil(keepWhatIsNeededAtOnce()));
self.addEventListener("activate", (event) => event.waitUntil(forgetFormerBuilds().then(() => self.clients.claim())));
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || !url.href.startsWith(self.registration.scope)) return;
  const name = url.pathname.slice(new URL(self.registration.scope).pathname.length) || "index.html";
  if (name in FILES) event.respondWith(answer(event, name));
});

/** A file's address in the cache, which another content does not share. */
function key(name: string): string {
  return new URL(`${name}?${FILES[name]?.hash}`, self.registration.scope).href;
}

async function keepWhatIsNeededAtOnce(): Promise<void> {
  const cache = await caches.open(CACHE);
  const names = Object.keys(FILES).filter((name) => FILES[name]?.atOnce);
  await Promise.all(
    names.map(async (name) => {
      if (!(await cache.match(key(name)))) await keep(name, await load(name));
    }),
  );
}

async function forgetFormerBuilds(): Promise<void> {
  const cache = await caches.open(CACHE);
  const ours = new Set(Object.keys(FILES).map(key));
  for (const request of await cache.keys()) {
    if (!ours.has(request.url)) await cache.delete(request);
  }
}

async function answer(event: FetchEvent, name: string): Promise<Response> {
  const kept = await (await caches.open(CACHE)).match(key(name));
  const response = kept ?? (await load(name));
  if (!kept) event.waitUntil(keep(name, response.clone()));
  const headers = new Headers(response.headers);
  for (const [header, value] of Object.entries(HEADERS)) headers.set(header, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

function load(name: string): Promise<Response> {
  return fetch(new URL(name, self.registration.scope), { cache: "no-cache" });
}

/** Keeps a whole file of this build, and nothing else that a server may have answered. */
async function keep(name: string, response: Response): Promise<void> {
  const content = await response.arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (!response.ok || hash !== FILES[name]?.hash) return;
  await (await caches.open(CACHE)).put(key(name), new Response(content, { headers: response.headers }));
}
