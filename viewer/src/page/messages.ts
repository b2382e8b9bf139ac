// What the page says: one line on what it does, and a sentence for each file that could not be shown.

import { element } from "./elements.ts";

const status = element("status", HTMLParagraphElement);
const problems = element("problems", HTMLUListElement);
const progress = element("progress", HTMLProgressElement);

export function say(text: string): void {
  status.textContent = text;
}

/** Shows how much of the networks has come; null hides it. */
export function showProgress(share: number | null): void {
  progress.hidden = share === null;
  progress.value = share ?? 0;
}

/** Adds a sentence on what went wrong, after the name of the file that it is about. */
export function complain(error: unknown, name?: string): void {
  const item = document.createElement("li");
  item.textContent = sentence(error instanceof Error ? error.message : String(error), name);
  problems.append(item);
}

export function clearProblems(): void {
  problems.replaceChildren();
}

function sentence(message: string, name?: string): string {
  const text = name ? `${name}: ${message}` : message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
