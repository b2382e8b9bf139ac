// Looks for the QR code of a face in what the camera sees.

import type { Face } from "../decoder/worker.ts";
import { element, within } from "./elements.ts";
import { say } from "./messages.ts";

const LONGEST_SIDE = 1280; // Of the pixels in which a code is looked for.
const PAUSE = 150; // Milliseconds between two looks.

const button = element("camera", HTMLButtonElement);
const scanner = element("scanner", HTMLDivElement);
const video = within(scanner, "video", HTMLVideoElement);
const canvas = document.createElement("canvas");
let stream: MediaStream | null = null;

/** Lets the button start and stop the camera; `look` finds the face in a picture, and `found` is called with it. */
export function listenToCamera(
  look: (pixels: ImageData) => Promise<Face | null>,
  found: (face: Face) => void,
  failed: (error: unknown) => void,
): void {
  button.addEventListener("click", async () => {
    if (stream) return stop();
    try {
      await start();
      const face = await lookUntilFound(look);
      if (face) found(face);
    } catch (error) {
      failed(error);
    }
    stop();
  });
}

async function start(): Promise<void> {
  if (!navigator.mediaDevices)
    throw new Error("The camera can be used only where this page is opened over HTTPS or from this device.");
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: "environment", width: { ideal: 1280 } },
    });
  } catch (error) {
    const refused = error instanceof DOMException && error.name === "NotAllowedError";
    throw new Error(
      refused ? "The browser does not let this page use the camera." : "There is no camera that can be used.",
    );
  }
  scanner.hidden = false;
  button.textContent = "Stop the camera";
  button.setAttribute("aria-expanded", "true");
  say("Looking for a QR code.");
  video.srcObject = stream;
  await video.play();
}

function stop(): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
  stream = video.srcObject = null;
  scanner.hidden = true;
  button.textContent = "Scan with the camera";
  button.setAttribute("aria-expanded", "false");
}

/** The face in the first code that is one; null where the reader stops the camera before. */
async function lookUntilFound(look: (pixels: ImageData) => Promise<Face | null>): Promise<Face | null> {
  while (stream) {
    try {
      const face = await look(frame());
      if (face) return face;
    } catch (error) {
      say(error instanceof Error ? error.message : String(error)); // Another code may come into view.
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
  return null;
}

function frame(): ImageData {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(video.videoWidth, video.videoHeight));
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  const context = canvas.getContext("2d", { willReadFrequently: true }) as CanvasRenderingContext2D;
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}
