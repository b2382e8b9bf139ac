import assert from "node:assert/strict";
import { test } from "node:test";
import { type Header, tinyTables, writeSafetensors } from "./golden.ts";
import { readTables, UnreadableFile } from "./index.ts";

/** The tiny model's file of tables with its header changed. */
function changed(change: (header: Header) => void): Uint8Array {
  const { header, content } = tinyTables();
  change(header);
  return writeSafetensors(header, content);
}

function refused(file: Uint8Array, reason: RegExp): void {
  assert.throws(
    () => readTables(file),
    (error) => error instanceof UnreadableFile && reason.test(error.message),
  );
}

const changedSpec = (fields: object) =>
  changed(({ __metadata__: texts }) => {
    texts!.spec = JSON.stringify({ ...JSON.parse(String(texts!.spec)), ...fields });
  });

test("a file of tables tells name, fingerprint, sizes and terms", () => {
  const tables = readTables(changed(() => {}));
  assert.deepEqual([tables.name, tables.fingerprint, tables.licence], ["tiny", "6ee004", "none"]);
  assert.deepEqual(tables.sizes, { thumbnailComponents: 8, detailComponents: 2, fineQualities: 16 });
  assert.equal(tables.cumulative.length, 40 * 17);
});

test("a file that ends too early or claims too much is refused", () => {
  const whole = changed(() => {});
  for (const size of [0, 7, 8, 100, whole.length - 1])
    refused(whole.subarray(0, size), /not a readable file of tables/);
  refused(writeSafetensors(" ".repeat((1 << 20) + 1), new Uint8Array()), /header is too large/);
  refused(new Uint8Array((1 << 24) + 1), /too large/);
  refused(writeSafetensors("{", new Uint8Array()), /no JSON/);
  refused(writeSafetensors("[]", new Uint8Array()), /not as it should be/);
});

test("tensors of another place, type or shape are refused", () => {
  const steps = "tables.thumbnail_steps";
  for (const offsets of [[0, 1e9], [-4, 60], [8, 4], [0.5, 4], [0], null]) {
    refused(
      changed((header) => {
        header[steps]!.data_offsets = offsets;
      }),
      /lies outside/,
    );
  }
  refused(
    changed((header) => {
      header[steps]!.dtype = "F32";
    }),
    /thumbnail_steps is of type F32/,
  );
  refused(
    changed((header) => {
      header[steps]!.shape = [4, 4];
    }),
    /shape 4,4, not I32 and 16/,
  );
  refused(
    changed((header) => {
      delete header[steps];
    }),
    /thumbnail_steps is missing/,
  );
  refused(
    changed((header) => {
      header["tables.cumulative"]!.data_offsets = [0, 40 * 17 * 4];
    }),
    /cumulative/,
  );
});

test("a model that this reader does not know is refused", () => {
  refused(
    changed((header) => {
      delete header.__metadata__;
    }),
    /carries no spec/,
  );
  refused(
    changed((header) => {
      delete header.__metadata__!["fingerprint in files"];
    }),
    /fingerprint in files/,
  );
  refused(changedSpec({ family: "grain-2022" }), /family grain-2022/);
  refused(changedSpec({ detail_components: 1e9 }), /detail_components of 1000000000, not within 1 to 96/);
  refused(changedSpec({ fine_qualities: "many" }), /fine_qualities of many/);
});
