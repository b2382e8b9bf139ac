// The service worker, which keeps the page for later visits and isolates it, so that several threads can draw.

const PATIENCE = 3000; // Milliseconds; a page that waits longer goes on without.

/** Waits until the service worker stands between page and server; true where the page must be loaded again. */
export async function settle(): Promise<boolean> {
  if (!("serviceWorker" in navigator)) return false;
  try {
    await navigator.serviceWorker.register("service-worker.js");
    await Promise.race([controlled(), new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
  } catch (error) {
    console.warn(error);
    return false;
  }
  return Boolean(navigator.serviceWorker.controller) && !self.crossOriginIsolated && !reloadedBefore();
}

async function controlled(): Promise<void> {
  if (navigator.serviceWorker.controller) return;
  await new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
}

/** Whether the page has loaded itself again already: a browser that does not isolate it then would go on forever. */
function reloadedBefore(): boolean {
  const key = "loaded again";
  const before = sessionStorage.getItem(key) !== null;
  sessionStorage.setItem(key, "");
  return before;
}
