// What the page downloads of a model, as tools/viewer_networks.py describes it in networks/models.json.

export type PictureName = "fused" | "rescaled";

export interface Download {
  file: string;
  bytes: number;
}

export interface Graph extends Download {
  /** The name under which the graph looks for its weights. */
  external: string;
  /** Offset and length of each part of the weights file that these weights are made of. */
  parts: [number, number][];
}

export interface Model {
  /** Side of a face in pixels. */
  side: number;
  tables: Download;
  weights: Download;
  pictures: Record<PictureName, Graph>;
}

const FOLDER = new URL("networks/", self.location.href);

export async function loadModel(): Promise<Model> {
  const response = await fetch(new URL("models.json", FOLDER));
  if (!response.ok) throw new Error("The list of the networks, models.json, is missing on the server.");
  return response.json() as Promise<Model>;
}

/** The content of a file; `arrived` hears how many more bytes have come. Throws a sentence for the reader. */
export async function download(wanted: Download, arrived: (bytes: number) => void = () => {}): Promise<Uint8Array> {
  const content = new Uint8Array(wanted.bytes);
  let length = 0;
  try {
    const response = await fetch(new URL(wanted.file, FOLDER));
    if (!response.ok || !response.body) throw new Error(`status ${response.status}`);
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      content.set(part.value, length);
      length += part.value.length;
      arrived(part.value.length);
    }
  } catch {
    throw incomplete(wanted, length);
  }
  if (length !== wanted.bytes) throw incomplete(wanted, length);
  return content;
}

function incomplete(wanted: Download, length: number): Error {
  const counts = `${length.toLocaleString("en")} of ${wanted.bytes.toLocaleString("en")} bytes came`;
  return new Error(`The network file ${wanted.file} is incomplete, ${counts}. Load this page again.`);
}
