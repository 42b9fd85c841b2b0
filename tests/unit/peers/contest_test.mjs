// node --test: what the drivers of bench/peers/node share. Needs no package.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { countRecall, measure, median, normalize, quantile, readVecs } from '../../../bench/peers/node/contest.mjs';

test('recall counts the first k of truth among the first k found, an id once', () => {
  const truth = [Int32Array.from({ length: 100 }, (_, i) => i)];
  const found = [[5, 5, 0, 1, 2, 3, 90, 91, 92, 93, 4]];  // 4 stands too late for 10
  const recall = countRecall(found, truth, 100);
  assert.equal(recall.recall_at_10, '0.5000');
  assert.equal(recall.recall_at_100, '0.1000');
  assert.equal(recall.first_at_1, '0.0000');
  assert.equal(recall.first_at_10, '1.0000');
  assert.deepEqual(Object.keys(countRecall(found, truth, 10)),
    ['recall_at_10', 'first_at_1', 'first_at_10']);
});

test('quantiles by nearest rank, medians of even numbers by their middle', () => {
  assert.equal(quantile([4, 1, 3, 2], 0.5), 2);
  assert.equal(quantile([1, 2], 0), 1);
  assert.equal(median([4, 1, 3, 2]), 2.5);
});

test('files are read row by row, damage names file and row', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tessera-test-'));
  const file = path.join(folder, 'a.ivecs');
  try {
    writeFileSync(file, Buffer.from(Int32Array.of(2, 7, 8, 2, 9, 10).buffer));
    assert.deepEqual(readVecs(file), { dim: 2, rows: 2, values: Int32Array.of(7, 8, 9, 10) });
    writeFileSync(file, Buffer.from(Int32Array.of(2, 7, 8, 3, 9, 10).buffer));
    assert.throws(() => readVecs(file), /a\.ivecs row 1: dim 3, expected 2/);
    writeFileSync(file, Buffer.from(Int32Array.of(2, 7, 8, 2).buffer));
    assert.throws(() => readVecs(file), /16 bytes are no rows of dim 2/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('rows become of unit length, zero rows stay', () => {
  const values = Float32Array.of(3, 4, 0, 0);
  normalize({ dim: 2, rows: 2, values });
  assert.deepEqual(Array.from(values, (v) => v.toFixed(1)), ['0.6', '0.8', '0.0', '0.0']);
});

test('every query is asked for recall, also those of a last part batch', async () => {
  const asked = [];
  const search = (vectors, count) => {
    asked.push(count);
    return Array.from({ length: count }, (_, i) => [vectors[i]]);
  };
  const data = {
    base: { dim: 1, rows: 3 }, queries: { dim: 1, rows: 3, values: Float32Array.of(0, 1, 2) },
    truth: [0, 1, 2].map((id) => Int32Array.of(id)),
  };
  const trial = { fields: { mode: 'batch' }, batch: 2, search };
  const [row] = await measure([trial], data, { k: 1, rounds: 1, 'round-seconds': 0.001 });
  assert.deepEqual(asked.slice(0, 2), [2, 1]);
  assert.equal(row.first_at_1, '1.0000');
  assert.ok(Number(row.qps_wall) > 0);
});
