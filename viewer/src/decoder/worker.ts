// Reads and draws faces in a thread of its own, so that the page stays alive.

import { expose, transfer } from "comlink";
import { type Face, readTables, type Tables } from "../format/index.ts";
import { faceInFile, faceInPicture, NoCode } from "./carriers.ts";
import { download, loadModel, type Model, type PictureName } from "./downloads.ts";
import { Networks } from "./networks.ts";
import { requireWebAssembly } from "./webassembly.ts";

export type { Face } from "../format/index.ts";
export type { PictureName } from "./downloads.ts";

export interface ModelDescription {
  name: string;
  fingerprint: string;
  licence: string;
  origin: string;
}

class Decoder {
  private model: Promise<Model> | undefined;
  private tables: Promise<Tables> | undefined;
  private networks: Promise<Networks> | undefined;

  /** Loads what files are read with. */
  async loadTables(): Promise<ModelDescription> {
    this.model = loadModel();
    this.tables = this.model.then(async (model) => readTables(await download(model.tables)));
    const { name, fingerprint, licence, origin } = await this.tables;
    return { name, fingerprint, licence, origin };
  }

  /** Loads what faces are drawn with. */
  async loadNetworks(progress: (share: number) => void): Promise<void> {
    requireWebAssembly();
    this.networks = (this.model as Promise<Model>).then((model) => Networks.load(model, progress));
    await this.networks;
  }

  /** The face in a file or in the picture of a QR code. */
  async read(file: Blob): Promise<Face> {
    return faceInFile(file, await (this.tables as Promise<Tables>));
  }

  /** The face in the QR code that a camera sees; null where it sees no code. */
  async scan(pixels: ImageData): Promise<Face | null> {
    try {
      return await faceInPicture(pixels, await (this.tables as Promise<Tables>));
    } catch (error) {
      if (error instanceof NoCode) return null;
      throw error;
    }
  }

  async draw({ symbols, grey }: Pick<Face, "symbols" | "grey">, picture: PictureName): Promise<ImageData> {
    requireWebAssembly();
    const drawn = await (await (this.networks as Promise<Networks>)).draw(symbols, picture, grey);
    return transfer(drawn, [drawn.data.buffer]);
  }
}

export type { Decoder };

expose(new Decoder());
