// USearch (npm usearch): a graph over f32 or i8 vectors. --nprobe is its expansion at search (ef).
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import usearch from 'usearch';
import * as contest from './contest.mjs';

const kAddRows = 10000;
const kScalarBytes = { f32: 4, f16: 2, bf16: 2, i8: 1 };

const options = contest.readOptions({
  scalar: { type: 'string', default: 'f32' },
  links: { type: 'string', default: '16' },
  'build-ef': { type: 'string', default: '128' },
});
if (!(options.scalar in kScalarBytes)) {
  throw new Error(`--scalar "${options.scalar}", expected ${Object.keys(kScalarBytes)}`);
}
const data = contest.readData(options);
const { dim, rows, values } = data.base;
const spec = `M${options.links},ef${options['build-ef']},${options.scalar}`;
const file = path.join(options.keep, `usearch-${options.name}-${spec}`.replaceAll(',', '_'));

function newIndex(ef) {
  return new usearch.Index({
    dimensions: dim, metric: options.metric === 'l2' ? 'l2sq' : 'cos', quantization: options.scalar,
    connectivity: Number(options.links), expansion_add: Number(options['build-ef']),
    expansion_search: ef,
  });
}

if (!existsSync(`${file}.seconds`)) {  // written last
  const index = newIndex(options.nprobe[0]);
  const start = performance.now();
  for (let begin = 0; begin < rows; begin += kAddRows) {
    const count = Math.min(kAddRows, rows - begin);
    const keys = BigUint64Array.from({ length: count }, (_, i) => BigInt(begin + i));
    index.add(keys, values.subarray(begin * dim, (begin + count) * dim), 1);
  }
  const seconds = (performance.now() - start) / 1000;
  index.save(file);
  writeFileSync(`${file}.seconds`, seconds.toFixed(3));
}

if (!options['build-only']) {
  // The file holds vectors, keys and links as memory does; there a pointer a row comes in addition.
  const each = statSync(file).size / rows;
  const bytes = { bytes_refine: dim * kScalarBytes[options.scalar], bytes_external_ids: 8 };
  bytes.bytes_headers = each - bytes.bytes_refine - bytes.bytes_external_ids + 8;
  const seconds = { load_seconds: readFileSync(`${file}.seconds`, 'utf8'), train_seconds: 0 };
  const trials = [];
  for (const ef of options.nprobe) {
    const index = newIndex(ef);  // the expansion is given when an index is made
    index.load(file);
    for (const mode of options.mode.split(',')) {
      const batch = mode === 'batch' ? Math.min(options.batch, data.queries.rows) : 1;
      const search = (vectors, count) => {
        const { keys } = index.search(vectors, options.k, 1);
        const each = keys.length / count;
        return Array.from({ length: count }, (_, i) =>
          Array.from(keys.subarray(i * each, (i + 1) * each), Number));
      };
      const fields = {
        ...contest.shapeOf('usearch', spec, data, options), mode, batch, threads: 1, nprobe: ef,
        rerank: 'none', depth: 0, ...contest.sumBytes(bytes), ...seconds,
      };
      trials.push({ fields, batch, search });
    }
  }
  contest.report(await contest.measure(trials, data, options), options, 'usearch from npm');
}
