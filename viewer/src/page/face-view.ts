// One face on the page: what is stored, what is drawn, and what both are worth.

import type { Face, ModelDescription, PictureName } from "../decoder/worker.ts";
import { element, within } from "./elements.ts";

const KINDS = { grain: "as a .grain file", png: "as a 16×16 PNG", text: "as a .grain file, received as text" };
const CAPTIONS: Record<PictureName, string> = {
  fused: "Face: fused, with drawn detail",
  rescaled: "Face: rescaled, nearest to the stored bytes",
};

const CHUNKS: Record<string, string> = { "02": "EXIF", "04": "ICC profile", "06": "XMP", "08": "alignment" };

export type Draw = (picture: PictureName) => Promise<ImageData>;

let count = 0;

export class FaceView {
  private readonly article: HTMLElement;
  private readonly canvas: HTMLCanvasElement;
  private readonly caption: HTMLElement;
  private readonly save: HTMLButtonElement;
  private readonly drawn = new Map<PictureName, ImageData>();
  private shown: PictureName = "fused";

  /** Puts the LR image of a face and what is known of it at the top of the page's faces. */
  constructor(
    private readonly name: string,
    face: Face,
    model: ModelDescription,
    private readonly draw: Draw,
  ) {
    const copy = element("face", HTMLTemplateElement).content.cloneNode(true) as DocumentFragment;
    this.article = within(copy, "article", HTMLElement);
    this.canvas = within(copy, ".drawn", HTMLCanvasElement);
    this.caption = within(copy, "figure:last-child figcaption", HTMLElement);
    this.save = within(copy, ".save", HTMLButtonElement);
    this.label();
    showStored(within(this.article, ".lr", HTMLCanvasElement), face);
    this.canvas.setAttribute("aria-label", `Drawn face of ${name}`);
    describe(within(this.article, "dl", HTMLElement), face, model);
    this.save.addEventListener("click", () => this.download());
    element("faces", HTMLDivElement).prepend(this.article);
  }

  /** Draws the picture that is chosen, once, and shows it; raises what drawing raises. */
  async show(picture: PictureName = this.shown): Promise<void> {
    this.shown = picture;
    this.caption.textContent = "Drawing the face";
    this.save.disabled = true;
    try {
      if (!this.drawn.has(picture)) this.drawn.set(picture, await this.draw(picture));
    } catch (error) {
      this.caption.textContent = "The face was not drawn";
      throw error;
    }
    if (this.shown !== picture) return; // The reader has chosen the other one meanwhile.
    const pixels = this.drawn.get(picture) as ImageData;
    this.canvas.width = pixels.width;
    this.canvas.height = pixels.height;
    this.canvas.getContext("2d")?.putImageData(pixels, 0, 0);
    this.caption.textContent = CAPTIONS[picture];
    this.save.disabled = false;
  }

  /** Calls `chosen` when the reader switches to another picture. */
  onChoice(chosen: (picture: PictureName) => void): void {
    for (const choice of this.article.querySelectorAll<HTMLInputElement>("input[type=radio]")) {
      choice.addEventListener("change", () => chosen(choice.value as PictureName));
    }
  }

  remove(): void {
    this.article.remove();
  }

  /** Names the article and its choice, so that several faces stand beside each other. */
  private label(): void {
    const heading = within(this.article, "h2", HTMLHeadingElement);
    heading.textContent = this.name;
    heading.id = `face-${++count}`;
    this.article.setAttribute("aria-labelledby", heading.id);
    for (const choice of this.article.querySelectorAll<HTMLInputElement>("input[type=radio]")) {
      choice.name = `picture-${count}`;
    }
  }

  private download(): void {
    this.canvas.toBlob((blob) => {
      if (!blob) return;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${this.name.replace(/(\.grain|\.qr)?\.[^.]+$/, "")}${this.shown === "fused" ? "" : `.${this.shown}`}.png`;
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }
}

function showStored(canvas: HTMLCanvasElement, face: Face): void {
  const pixels = new ImageData(canvas.width, canvas.height);
  for (let pixel = 0; pixel < canvas.width * canvas.height; pixel++) {
    pixels.data.set([...face.lrImage.subarray(3 * pixel, 3 * pixel + 3), 255], 4 * pixel);
  }
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
  canvas.setAttribute("aria-label", "LR image of 16×16 pixels");
}

function describe(list: HTMLElement, face: Face, model: ModelDescription): void {
  const rows = {
    Size: `${face.fileBytes.toLocaleString("en")} bytes, ${KINDS[face.carrier]}`,
    Payload: `${face.payloadBytes.toLocaleString("en")} bytes${face.tailBytes ? `, ${face.tailBytes.toLocaleString("en")} of them beyond the LR image` : ""}`,
    Quality: `fine quality ${face.fineQuality}`,
    Model: `${model.name}, weights ${face.fingerprint}`,
    ...(face.chunks.length
      ? { "Also stored": face.chunks.map(({ tag }) => CHUNKS[tag] ?? `chunk ${tag}`).join(", ") }
      : {}),
  };
  for (const [term, value] of Object.entries(rows)) {
    const row = document.createElement("div");
    row.append(Object.assign(document.createElement("dt"), { textContent: term }));
    row.append(Object.assign(document.createElement("dd"), { textContent: value }));
    list.append(row);
  }
}
