// The ways in which a reader hands a face over: dropped, chosen, or pasted. The camera is in camera.ts.

import { element } from "./elements.ts";

export interface Source {
  name: string;
  file: Blob;
}

/** Calls `open` with what a reader hands over. */
export function listen(open: (sources: Source[]) => void): void {
  listenForDrops(open);
  const chosen = element("files", HTMLInputElement);
  chosen.addEventListener("change", () => {
    open(fromFiles(chosen.files));
    chosen.value = ""; // The same file can be chosen again.
  });
  listenForTexts(open);
}

function listenForDrops(open: (sources: Source[]) => void): void {
  const target = element("drop", HTMLDivElement);
  // A file that misses the target must not replace the page.
  addEventListener("dragover", (event) => {
    event.preventDefault();
    target.classList.add("aimed");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) target.classList.remove("aimed");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    target.classList.remove("aimed");
    if (event.dataTransfer?.files.length) open(fromFiles(event.dataTransfer.files));
  });
}

function listenForTexts(open: (sources: Source[]) => void): void {
  const form = element("scanned", HTMLFormElement);
  const text = element("text", HTMLTextAreaElement);
  const button = element("paste", HTMLButtonElement);
  button.addEventListener("click", () => {
    form.hidden = !form.hidden;
    button.setAttribute("aria-expanded", String(!form.hidden));
    if (!form.hidden) text.focus();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    open([{ name: "Pasted text", file: new Blob([text.value]) }]);
  });
  addEventListener("paste", (event) => {
    if (event.target === text || !event.clipboardData) return;
    const files = fromFiles(event.clipboardData.files);
    const pasted = event.clipboardData.getData("text/plain");
    if (files.length) open(files);
    else if (pasted) open([{ name: "Pasted text", file: new Blob([pasted]) }]);
  });
}

function fromFiles(files: FileList | null): Source[] {
  return Array.from(files ?? [], (file) => ({ name: file.name, file }));
}
