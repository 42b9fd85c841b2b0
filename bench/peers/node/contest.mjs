// What every driver shares: files, recall, rounds and CSV, defined as in bench/report and
// bench/peers/contest.cc.
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';

// Rows of a .fvecs (Float32Array) or .ivecs (Int32Array) file, packed: {dim, rows, values}.
export function readVecs(file) {
  const bytes = readFileSync(file);
  if (bytes.length < 8) throw new Error(`${file}: too short for one row`);
  const dim = bytes.readInt32LE(0);
  const words = dim + 1;
  if (dim <= 0 || bytes.length % (4 * words) !== 0) {
    throw new Error(`${file}: ${bytes.length} bytes are no rows of dim ${dim}`);
  }
  const rows = bytes.length / (4 * words);
  const Kind = file.endsWith('.ivecs') ? Int32Array : Float32Array;
  const from = new Kind(bytes.buffer, bytes.byteOffset, rows * words);
  const values = new Kind(rows * dim);
  for (let i = 0; i < rows; ++i) {
    const found = bytes.readInt32LE(4 * words * i);
    if (found !== dim) throw new Error(`${file} row ${i}: dim ${found}, expected ${dim}`);
    values.set(from.subarray(i * words + 1, (i + 1) * words), i * dim);
  }
  return { dim, rows, values };
}

export function normalize({ dim, rows, values }) {
  for (let i = 0; i < rows; ++i) {
    const row = values.subarray(i * dim, (i + 1) * dim);
    let squares = 0;
    for (const value of row) squares += value * value;
    if (squares === 0) continue;
    const scale = 1 / Math.sqrt(squares);
    for (let d = 0; d < dim; ++d) row[d] *= scale;
  }
}

// found: ids of each query, best first; truth: ids of each query's true neighbours, nearest first.
// The fields that answers of k ids allow.
export function countRecall(found, truth, k) {
  const sums = { recall_at_10: 0, recall_at_100: 0, first_at_1: 0, first_at_10: 0, first_at_100: 0 };
  found.forEach((ids, query) => {
    const place = new Map();
    ids.forEach((id, at) => place.has(id) || place.set(id, at));
    const within = (id, depth) => (place.get(id) ?? Infinity) < depth;
    for (const depth of [10, 100]) {
      let hits = 0;
      for (const id of truth[query].slice(0, depth)) hits += within(id, depth);
      sums[`recall_at_${depth}`] += hits / Math.min(depth, truth[query].length);
    }
    for (const depth of [1, 10, 100]) sums[`first_at_${depth}`] += within(truth[query][0], depth);
  });
  const kept = Object.entries(sums).filter(([name]) => Number(name.split('_at_')[1]) <= k);
  return Object.fromEntries(kept.map(([name, sum]) => [name, (sum / found.length).toFixed(4)]));
}

export function quantile(values, p) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)];
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

// The command line of every driver; `more` adds options of its own, as util.parseArgs takes them.
export function readOptions(more) {
  const text = (value) => ({ type: 'string', default: value });
  const { values } = parseArgs({
    options: {
      base: text(), queries: text(), truth: text(), name: text(), metric: text('l2'), k: text('10'),
      'query-count': text('0'), nprobe: text('32,64,128'), mode: text('single,batch'),
      batch: text('1000'), rounds: text('3'), 'round-seconds': text('1'), csv: text(), keep: text(),
      'build-only': { type: 'boolean', default: false }, ...more,
    },
  });
  for (const name of ['base', 'queries', 'truth', 'keep']) {
    if (!values[name]) throw new Error(`--${name} is missing`);
  }
  if (!['l2', 'cosine'].includes(values.metric)) {
    throw new Error(`--metric "${values.metric}", expected l2 or cosine`);
  }
  const wrong = values.mode.split(',').find((mode) => !['single', 'batch'].includes(mode));
  if (wrong !== undefined) throw new Error(`--mode "${wrong}", expected single or batch`);
  for (const name of ['k', 'nprobe', 'batch', 'rounds', 'round-seconds', 'query-count']) {
    const least = name === 'query-count' ? 0 : Number.MIN_VALUE;
    values[name] = values[name].split(',').map(Number);
    if (!values[name].every((value) => value >= least)) throw new Error(`--${name}: bad number`);
    if (name !== 'nprobe') [values[name]] = values[name];
  }
  values.name ??= path.basename(path.dirname(path.resolve(values.base)));
  return values;
}

// {base, queries, truth: an array of Int32Array}, cut to --query-count, of unit length for cosine.
export function readData(options) {
  const base = readVecs(options.base);
  const queries = readVecs(options.queries);
  const neighbors = readVecs(options.truth);
  if (queries.dim !== base.dim) {
    throw new Error(`--queries have dim ${queries.dim}, --base ${base.dim}`);
  }
  const rows = options['query-count'] || queries.rows;
  if (rows > Math.min(queries.rows, neighbors.rows)) {
    throw new Error(`--query-count ${rows}: only ${queries.rows} queries, ${neighbors.rows} truths`);
  }
  if (neighbors.dim < options.k) throw new Error(`--truth has ${neighbors.dim} neighbours a row`);
  const kept = { dim: base.dim, rows, values: queries.values.subarray(0, rows * base.dim) };
  if (options.metric === 'cosine') [base, kept].forEach(normalize);
  const row = (i) => neighbors.values.subarray(i * neighbors.dim, (i + 1) * neighbors.dim);
  return { base, queries: kept, truth: Array.from({ length: rows }, (_, i) => row(i)) };
}

// trials: [{fields, batch, search(vectors, count) -> ids of each query}], search may be async.
// Recall in one pass, then rounds in which every trial has its turn; rows of the CSV.
export async function measure(trials, data, options) {
  const { dim } = data.base;
  const slice = (begin, count) => data.queries.values.subarray(begin * dim, (begin + count) * dim);
  const rows = data.queries.rows;
  for (const trial of trials) {
    const found = [];
    for (let begin = 0; begin < rows; begin += trial.batch) {
      const count = Math.min(trial.batch, rows - begin);
      found.push(...(await trial.search(slice(begin, count), count)));
    }
    Object.assign(trial.fields, countRecall(found, data.truth, options.k));
    Object.assign(trial, { next: 0, wall: [], cpu: [], p50: [], p99: [] });
  }
  for (let round = 0; round < options.rounds; ++round) {
    for (const trial of trials) await measureRound(trial, slice, rows, options['round-seconds']);
  }
  return trials.map((trial) => finished(trial, options.rounds));
}

async function measureRound(trial, slice, rows, seconds) {
  await trial.search(slice(0, trial.batch), trial.batch);  // another setting ran last: warm up
  const micros = [];
  let asked = 0;
  const cpu = process.cpuUsage();
  const begin = performance.now();
  let last = begin;
  do {
    if (trial.next + trial.batch > rows) trial.next = 0;
    await trial.search(slice(trial.next, trial.batch), trial.batch);
    const now = performance.now();
    micros.push((now - last) * 1000);
    last = now;
    trial.next += trial.batch;
    asked += trial.batch;
  } while (last < begin + 1000 * seconds);
  const used = process.cpuUsage(cpu);
  trial.wall.push((1000 * asked) / (last - begin));
  trial.cpu.push((1e6 * asked) / (used.user + used.system));
  trial.p50.push(quantile(micros, 0.5));
  trial.p99.push(quantile(micros, 0.99));
}

function finished(trial, rounds) {
  const row = { ...trial.fields, rounds };
  row.qps_wall = median(trial.wall).toFixed(1);
  row.qps_cpu = median(trial.cpu).toFixed(1);
  row.p50_us = row.mode === 'single' ? median(trial.p50).toFixed(1) : '';
  row.p99_us = row.mode === 'single' ? median(trial.p99).toFixed(1) : '';
  return row;
}

// Fields that every row of a run begins with.
export function shapeOf(engine, quantizer, data, options) {
  return {
    engine, data: options.name, metric: options.metric, quantizer, rows: data.base.rows,
    dim: data.base.dim, queries: data.queries.rows, k: options.k,
  };
}

export function sumBytes(bytes) {
  const total = Object.values(bytes).reduce((sum, value) => sum + value, 0);
  const all = { bytes_total: total, ...bytes };
  return Object.fromEntries(Object.entries(all).map(([name, value]) => [name, value.toFixed(3)]));
}

// Prints the rows and writes options.csv; every row has the same fields.
export function report(rows, options, remark) {
  const quoted = (value) => (/[,"\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value);
  const names = Object.keys(rows[0]);
  const lines = [
    `# cpu: ${os.cpus()[0].model}`, `# cores: ${os.cpus().length}`, `# node: ${process.version}`,
    `# ${remark}`, `# command: ${process.argv.slice(1).map((arg) => path.basename(arg)).join(' ')}`,
    names.join(','), ...rows.map((row) => names.map((name) => quoted(row[name])).join(',')),
  ];
  const text = lines.join('\n') + '\n';
  process.stdout.write(text);
  if (options.csv) writeFileSync(options.csv, text);
}
