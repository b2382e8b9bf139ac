/** Throws a sentence for the reader where the browser has no WebAssembly, or has been told to do without. */
export function requireWebAssembly(): void {
  if (typeof WebAssembly === "undefined") {
    throw new Error(
      "This browser has no WebAssembly: it shows what is stored, but can neither draw faces nor read QR codes.",
    );
  }
}
