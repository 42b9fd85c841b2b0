// LanceDB (npm @lancedb/lancedb): IVF_PQ in files; reranks by raw vectors read from them. Its own
// thread pools obey LANCE_CPU_THREADS; run it under `taskset -c 0` for one core.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as lancedb from '@lancedb/lancedb';
import { createRequire } from 'node:module';
import * as contest from './contest.mjs';

// The very instance that LanceDB uses: it takes no tables of another.
const arrow = createRequire(import.meta.url)('apache-arrow');

const kAddRows = 50000;

const options = contest.readOptions({
  lists: { type: 'string', default: '1024' },
  codes: { type: 'string', default: '16' },
  bits: { type: 'string', default: '8' },
  refine: { type: 'string', default: '0,10' },
});
if (options.mode !== 'single') throw new Error('--mode: LanceDB is asked one query a call, single');
const data = contest.readData(options);
const { dim, rows, values } = data.base;
const [lists, codes, bits] = [options.lists, options.codes, options.bits].map(Number);
const spec = `IVF${lists},PQ${codes}x${bits}`;
const name = `lancedb-${options.name}-${spec}`.replaceAll(',', '_');
const distanceType = options.metric;

const item = new arrow.Field('item', new arrow.Float32(), true);
const schema = new arrow.Schema([
  new arrow.Field('id', new arrow.Int32(), false),
  new arrow.Field('vector', new arrow.FixedSizeList(dim, item), false),
]);

function tableOf(begin, length) {
  const child = arrow.makeData({
    type: item.type, length: length * dim,
    data: values.subarray(begin * dim, (begin + length) * dim),
  });
  const ids = Int32Array.from({ length }, (_, i) => begin + i);
  const children = [
    arrow.makeData({ type: schema.fields[0].type, length, data: ids }),
    arrow.makeData({ type: schema.fields[1].type, length, child }),
  ];
  const rows = arrow.makeData({ type: new arrow.Struct(schema.fields), length, children });
  return new arrow.Table(schema, [new arrow.RecordBatch(schema, rows)]);
}

const database = await lancedb.connect(options.keep);
const done = path.join(options.keep, `${name}.seconds`);
if (!existsSync(done)) {  // written last
  const start = performance.now();
  let table;
  for (let begin = 0; begin < rows; begin += kAddRows) {
    const part = tableOf(begin, Math.min(kAddRows, rows - begin));
    if (table) await table.add(part);
    else table = await database.createTable(name, part, { mode: 'overwrite' });
  }
  const added = performance.now();
  await table.createIndex('vector', {
    config: lancedb.Index.ivfPq({
      numPartitions: lists, numSubVectors: codes, numBits: bits, distanceType,
    }),
  });
  const trained = performance.now();
  writeFileSync(done, `${((added - start) / 1000).toFixed(3)} ${((trained - added) / 1000).toFixed(3)}`);
}

if (!options['build-only']) {
  const table = await database.openTable(name);
  // As its index has them: codes and 64-bit row ids; floats of centroids and codebooks. Raw vectors
  // stay in files, rerank reads them there.
  const bytes = {
    bytes_codes: (codes * bits) / 8, bytes_external_ids: 8,
    bytes_centroids: (lists * dim * 4) / rows, bytes_model: (2 ** bits * dim * 4) / rows,
  };
  const [load_seconds, train_seconds] = readFileSync(done, 'utf8').split(' ');
  const trials = [];
  for (const factor of options.refine.split(',').map(Number)) {
    for (const nprobe of options.nprobe) {
      const search = async (vector) => {
        let query = table.query().nearestTo(vector).column('vector').distanceType(distanceType)
          .nprobes(nprobe).limit(options.k).select(['id', '_distance']);
        if (factor > 0) query = query.refineFactor(factor);
        const ids = [];
        for await (const batch of query) ids.push(...batch.getChild('id').toArray());
        return [ids];
      };
      const fields = {
        ...contest.shapeOf('lancedb', spec, data, options), mode: 'single', batch: 1, threads: 1,
        nprobe, rerank: factor > 0 ? 'raw' : 'none', depth: factor * options.k,
        ...contest.sumBytes(bytes), load_seconds, train_seconds,
      };
      trials.push({ fields, batch: 1, search });
    }
  }
  contest.report(await contest.measure(trials, data, options), options, 'lancedb from npm');
}
