import { proxy, type Remote, wrap } from "comlink";
import type { Decoder, Face, ModelDescription } from "../decoder/worker.ts";
import { listenToCamera } from "./camera.ts";
import { element, within } from "./elements.ts";
import { FaceView } from "./face-view.ts";
import { clearProblems, complain, say, showProgress } from "./messages.ts";
import { settle } from "./offline.ts";
import { listen, type Source } from "./sources.ts";

const MOST_FACES = 24; // Each holds up to two pictures of 4 MB.

const views: FaceView[] = [];
let waiting: Promise<void> = Promise.resolve();
let opened = false;

const decoder: Promise<Remote<Decoder>> = settle().then((again) => {
  if (again && !opened) {
    location.reload();
    return new Promise(() => {});
  }
  const worker = new Worker("worker.js", { type: "module" });
  worker.addEventListener("error", () => complain(new Error("A part of this page is missing. Load it again.")));
  return wrap<Decoder>(worker);
});
const model: Promise<ModelDescription> = decoder.then((worker) => worker.loadTables());

/** Opens sources one after the other. */
function open(sources: Source[]): void {
  opened = true;
  clearProblems();
  for (const { name, file } of sources) {
    enqueue(name, async () => (await decoder).read(file));
  }
}

function enqueue(name: string, read: () => Promise<Face>): void {
  waiting = waiting.then(async () => {
    try {
      say(`Reading ${name}.`);
      await show(name, await read(), await model);
    } catch (error) {
      say("");
      complain(error, name);
    }
  });
}

async function show(name: string, face: Face, description: ModelDescription): Promise<void> {
  const view = new FaceView(name, face, description, async (picture) => (await decoder).draw(face, picture));
  views.push(view);
  if (views.length > MOST_FACES) views.shift()?.remove();
  view.onChoice((picture) => void view.show(picture).catch((error: unknown) => complain(error, name)));
  say(`${name}: the LR image is shown, and the face is being drawn.`);
  await view.show();
  say(`${name}: the face is drawn.`);
}

async function start(): Promise<void> {
  listen(open);
  listenToCamera(
    async (pixels) => (await decoder).scan(pixels),
    (face) => {
      clearProblems();
      enqueue("QR code", async () => face);
    },
    (error) => complain(error),
  );
  try {
    const description = await model;
    credit(description);
    say("Loading the networks. Files can be opened already.");
    showProgress(0);
    await (await decoder).loadNetworks(proxy(showProgress));
    if (!opened) say(navigator.serviceWorker?.controller ? "Ready, also without a network." : "Ready.");
  } catch (error) {
    say("");
    complain(error);
  }
  showProgress(null);
}

function credit(description: ModelDescription): void {
  const footer = element("model", HTMLElement);
  for (const field of ["name", "licence", "origin"] as const) {
    within(footer, `[data-field=${field}]`, HTMLElement).textContent = description[field];
  }
  footer.hidden = false;
}

void start();
