// node parity.mjs SCALAR_PARITY: compares index/scalar_quantizer.h with onnxruntime, bit for bit.
//
// For each operator, type and axis mode: the edge cases and a million random values, floats and integers
// of all bit patterns among them. Prints the counts; ends 0 only if no value differs. 6 bits, which ONNX
// has not, are compared with onnxruntime's 16 bits, saturated to 6 here. So are those 4-bit values per
// axis whose quotient is beyond 32 bits: there onnxruntime's kernel of 4 bits wraps around (1 / 1e-10
// becomes 0 of 0..15) where ONNX, and its other kernels, saturate.
import { spawnSync } from 'node:child_process';
import { endianness } from 'node:os';
import { argv, arch, exit } from 'node:process';
import { ElementType, modelBytes } from './onnx_model.mjs';

const VALUES = 1_000_000;
const SKIPPED = 77;  // what CMake takes for a test that could not run
const ort = await import('onnxruntime-node').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  console.log('onnxruntime-node is not installed: npm ci --ignore-scripts --prefix tests/parity');
  exit(SKIPPED);
});
const program = argv[2];
if (!program || endianness() !== 'LE') {
  console.error('usage: node parity.mjs SCALAR_PARITY (on a little-endian machine)');
  exit(2);
}

// bits, signed; `wide`: the 8-bit type of the same sign, which JavaScript has an array for.
const TYPES = [[8, true], [8, false], [6, true], [6, false], [4, true], [4, false]].map(([bits, signed]) => ({
  bits, signed, name: (signed ? 'i' : 'u') + bits, wide: signed ? 'int8' : 'uint8',
  low: signed ? -(2 ** (bits - 1)) : 0, high: (signed ? 2 ** (bits - 1) : 2 ** bits) - 1,
}));
const ARRAYS = { float32: Float32Array, int8: Int8Array, uint8: Uint8Array, int16: Int16Array };

// Marsaglia's xorshift; the same values at every run.
let state = 0x9e3779b9;
function random32() {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return state >>> 0;
}
const below = (n) => random32() % n;
const uniform = () => (random32() + 0.5) / 2 ** 32;
const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
const word = new Uint32Array(1);
const wordAsFloat = new Float32Array(word.buffer);
function floatOfBits(bits) {
  word[0] = bits;
  return wordAsFloat[0];
}
const nan = (x) => Number.isNaN(x);

// onnxruntime's kernel for ARM makes another integer of NaN than that for x86, which is ours.
const NANS = arch === 'x64' ? [NaN] : [];
const EDGE_FLOATS = [0, -0, 1, -1, 0.5, -0.5, 1.5, -1.5, 2.5, 127.5, 128.5, -128.5, 254.5, 255.5, 1e10, -1e10,
  floatOfBits(1), -floatOfBits(1), floatOfBits(0x7fffff), floatOfBits(0x800000), -floatOfBits(0x800000),
  floatOfBits(0x7f7fffff), -floatOfBits(0x7f7fffff), Infinity, -Infinity, ...NANS];
const EDGE_SCALES = [1, 0.1, 1 / 3, 2, 1e-10, 1e10, floatOfBits(1), floatOfBits(0x7fffff), floatOfBits(0x800000),
  floatOfBits(0x7f7fffff), floatOfBits(0x3f7fffff), 0, Infinity];

function randomScale() {
  switch (below(4)) {
    case 0: return 2 ** (below(40) - 20);
    case 1: return floatOfBits(0x20000000 + below(0x40000000));  // 1e-19 to 4e19
    default: return Math.fround(uniform() / 50);
  }
}

// Mostly what the scale makes integers of; exact halves; any bits at all.
function randomFloat({ scale, zeroPoint }, { low, high }) {
  switch (below(8)) {
    case 0: {
      const x = floatOfBits(random32());
      return nan(x) ? 0 : x;
    }
    case 1:
    case 2: return (low - zeroPoint + below(high - low + 1) + 0.5) * scale;
    case 3: {  // a neighbour of a half
      wordAsFloat[0] = (below(600) / 2 - 150) * scale;
      const x = floatOfBits((word[0] + below(3) - 1) >>> 0);
      return nan(x) ? 0 : x;
    }
    default: return normal() * scale * (high - low) / 4;
  }
}

function withoutNaN(values) {
  for (let i = 0; i < values.length; ++i) if (nan(values[i])) values[i] = 0;
  return values;
}

// ---- our side ----

function jobBytes(operator, type, { outer, channels, inner }, params, values) {
  const header = Buffer.alloc(16);
  header.set([operator, type.bits, type.signed ? 1 : 0, 0]);
  [outer, channels, inner].forEach((n, i) => header.writeUInt32LE(n, 4 + 4 * i));
  const pairs = Buffer.alloc(8 * params.length);
  params.forEach(({ scale, zeroPoint }, i) => {
    pairs.writeFloatLE(scale, 8 * i);
    pairs.writeInt32LE(zeroPoint, 8 * i + 4);
  });
  return Buffer.concat([header, pairs, Buffer.from(values.buffer, values.byteOffset, values.byteLength)]);
}

function runOurs(jobs) {
  const run = spawnSync(program, [], { input: Buffer.concat(jobs), maxBuffer: 2 ** 30 });
  if (run.status !== 0) throw new Error(`${program}: ${run.error ?? run.stderr}`);
  return run.stdout;
}

// ---- onnxruntime's ----

const session = (model) => ort.InferenceSession.create(model,
  { intraOpNumThreads: 1, interOpNumThreads: 1, graphOptimizationLevel: 'disabled' });
const tensor = (type, values, dims) => new ort.Tensor(type, ARRAYS[type].from(values), dims);

// What onnxruntime is asked for and in which arrays the integers travel.
const SIXTEEN = { inner: 'int16', outer: 'int16' };
function onnxTypes(type) {
  if (type.bits === 6) return SIXTEEN;
  return { inner: type.bits === 8 ? type.wide : type.signed ? 'int4' : 'uint4', outer: type.wide };
}

async function linearSession(operator, { inner, outer }, perAxis) {
  const quantize = operator === 'QuantizeLinear';
  const cast = (from, to, element) =>
    ({ operator: 'Cast', inputs: [from], outputs: [to], attributes: { to: ElementType[element] } });
  const nodes = [
    cast('zero_wide', 'zero', inner),
    ...(quantize ? [] : [cast('x', 'x_inner', inner)]),
    { operator, inputs: [quantize ? 'x' : 'x_inner', 'scale', 'zero'], outputs: ['y_inner'],
      attributes: perAxis ? { axis: 1 } : {} },
    cast('y_inner', 'y', quantize ? outer : 'float'),
  ];
  const rank = perAxis ? 1 : 0;
  return session(modelBytes(nodes,
    [{ name: 'x', type: quantize ? 'float' : outer, rank: 3 }, { name: 'scale', type: 'float', rank },
      { name: 'zero_wide', type: outer, rank }],
    [{ name: 'y', type: quantize ? outer : 'float', rank: 3 }]));
}

// Values of one group of cases, and how many differed.
class Tally {
  constructor(name) {
    this.name = name;
    this.values = 0;
    this.differing = 0;
  }
  compare(theirs, ours, describe) {
    if (theirs.length !== ours.length) throw new Error(`${this.name}: ${theirs.length} values against ${ours.length}`);
    for (let i = 0; i < theirs.length; ++i) {
      if (Object.is(theirs[i], ours[i])) continue;
      if (++this.differing <= 5) console.log(`${this.name}: ${describe(i)}: onnxruntime ${theirs[i]}, Tessera ${ours[i]}`);
    }
    this.values += theirs.length;
  }
  print() {
    console.log(`${this.name.padEnd(44)}${String(this.values).padStart(9)} values ${String(this.differing).padStart(4)} differ`);
  }
}

// [{shape, params, values}]: edge cases, then random ones until there are VALUES of them.
function linearCases(operator, type, mode) {
  const quantize = operator === 'QuantizeLinear';
  const integers = Array.from({ length: type.high - type.low + 1 }, (_, i) => type.low + i);
  const zeroPoints = [...new Set([type.low, type.low + 1, 0, Math.floor((type.low + type.high) / 2) + 1, type.high])];
  const cases = [];
  const add = (shape, params, fill) => {
    const values = new (quantize ? Float32Array : ARRAYS[type.wide])(shape.outer * shape.channels * shape.inner);
    for (let i = 0; i < values.length; ++i) values[i] = fill(i, params[Math.floor(i / shape.inner) % shape.channels]);
    cases.push({ shape, params, values: quantize && !NANS.length ? withoutNaN(values) : values });
  };
  const edge = quantize ? EDGE_FLOATS : integers;
  const pairs = EDGE_SCALES.flatMap((scale) => zeroPoints.map((zeroPoint) => ({ scale: Math.fround(scale), zeroPoint })));
  if (mode === 'per tensor') {
    for (const pair of pairs) add({ outer: 1, channels: 1, inner: edge.length }, [pair], (i) => edge[i]);
  } else if (mode === 'last axis') {
    add({ outer: edge.length, channels: pairs.length, inner: 1 }, pairs, (i) => edge[Math.floor(i / pairs.length)]);
  } else {
    add({ outer: 2, channels: pairs.length, inner: edge.length }, pairs, (i) => edge[i % edge.length]);
  }
  for (let n = 0; n < VALUES;) {
    const channels = mode === 'per tensor' ? 1 : 1 + below(200);
    const inner = mode === 'last axis' ? 1 : 1 + below(mode === 'per tensor' ? 20000 : 70);
    const shape = { outer: Math.min(1 + below(40), Math.ceil((VALUES - n) / (channels * inner))), channels, inner };
    const params = Array.from({ length: channels }, () =>
      ({ scale: Math.fround(randomScale()), zeroPoint: type.low + below(integers.length) }));
    add(shape, params, quantize ? (_, pair) => randomFloat(pair, type) : () => type.low + below(integers.length));
    n += shape.outer * channels * inner;
  }
  return cases;
}

async function runLinear(onnx, travelling, { shape, params, values }, perAxis) {
  const paramDims = perAxis ? [shape.channels] : [];
  const { y } = await onnx.run({
    x: tensor(values instanceof Float32Array ? 'float32' : travelling, values, [shape.outer, shape.channels, shape.inner]),
    scale: tensor('float32', params.map((p) => p.scale), paramDims),
    zero_wide: tensor(travelling, params.map((p) => p.zeroPoint), paramDims),
  });
  return y.data;
}

async function compareLinear(operator, type, mode) {
  const quantize = operator === 'QuantizeLinear';
  const perAxis = mode !== 'per tensor';
  const types = onnxTypes(type);
  const onnx = await linearSession(operator, types, perAxis);
  const wraps = quantize && type.bits === 4 && perAxis;
  const sixteen = wraps ? await linearSession(operator, SIXTEEN, perAxis) : null;
  const saturate = (q) => Math.min(Math.max(q, type.low), type.high);
  const cases = linearCases(operator, type, mode);
  const ours = runOurs(cases.map(({ shape, params, values }) =>
    jobBytes(quantize ? 0 : 1, type, shape, params, values)));
  const tally = new Tally(`${operator} ${type.name}, ${mode}`);
  let at = 0;
  for (const one of cases) {
    const { shape, params, values } = one;
    const pairOf = (i) => params[Math.floor(i / shape.inner) % shape.channels];
    const theirs = (await runLinear(onnx, types.outer, one, perAxis)).slice();
    if (quantize && type.bits === 6) theirs.forEach((q, i) => { theirs[i] = saturate(q); });
    if (wraps) {
      const wide = await runLinear(sixteen, SIXTEEN.outer, one, perAxis);
      values.forEach((x, i) => {
        if (!(Math.abs(x / pairOf(i).scale) < 2 ** 31 - 256)) theirs[i] = saturate(wide[i]);
      });
    }
    const size = quantize ? values.length : 4 * values.length;
    const bytes = new Uint8Array(ours.subarray(at, at + size)).buffer;
    at += size;
    tally.compare(theirs, quantize ? new ARRAYS[type.wide](bytes) : new Float32Array(bytes), (i) =>
      `${values[i]} at scale ${pairOf(i).scale}, zero point ${pairOf(i).zeroPoint}`);
  }
  return tally;
}

function dynamicCases() {
  const edges = EDGE_FLOATS.filter((x) => !nan(x));
  const cases = edges.map((x) => [x]);
  for (const a of edges) for (const b of edges) cases.push([a, b], [a, b, 0.3, -0.7, 3]);
  cases.push(new Array(100).fill(0), new Array(33).fill(-0), new Array(17).fill(floatOfBits(3)));
  for (let n = 0; n < VALUES;) {
    const length = Math.min(1 + below(below(4) === 0 ? 20 : 5000), VALUES - n);
    const scale = randomScale();
    const offset = [0, 0, scale * 3, -scale * 3, scale * 100][below(5)];
    // Now and then all bits at random, which mostly means one huge value that all others vanish beside.
    const wild = below(20) === 0;
    cases.push(Array.from({ length }, () => (wild ? floatOfBits(random32()) : normal() * scale + offset)));
    n += length;
  }
  return cases.map((values) => withoutNaN(Float32Array.from(values)));
}

async function compareDynamic() {
  const type = TYPES.find(({ name }) => name === 'u8');
  const onnx = await session(modelBytes(
    [{ operator: 'DynamicQuantizeLinear', inputs: ['x'], outputs: ['y', 'scale', 'zero'] }],
    [{ name: 'x', type: 'float', rank: 1 }],
    [{ name: 'y', type: 'uint8', rank: 1 }, { name: 'scale', type: 'float', rank: 0 },
      { name: 'zero', type: 'uint8', rank: 0 }]));
  const cases = dynamicCases();
  const ours = runOurs(cases.map((values) => jobBytes(2, type, { outer: 1, channels: 1, inner: values.length }, [], values)));
  const tally = new Tally('DynamicQuantizeLinear u8');
  const parameters = new Tally('DynamicQuantizeLinear u8, scale and zero point');
  let at = 0;
  for (const values of cases) {
    const { y, scale, zero } = await onnx.run({ x: tensor('float32', values, [values.length]) });
    const describe = () => `of ${values.length} values, ${Array.from(values.subarray(0, 5)).join(' ')} ...`;
    parameters.compare([scale.data[0], zero.data[0]], [ours.readFloatLE(at), ours.readInt32LE(at + 4)], describe);
    tally.compare(y.data, ours.subarray(at + 8, at + 8 + values.length), describe);
    at += 8 + values.length;
  }
  return [parameters, tally];
}

const tallies = [];
for (const operator of ['QuantizeLinear', 'DequantizeLinear']) {
  for (const type of TYPES) {
    for (const mode of ['per tensor', 'last axis', 'inner axis']) tallies.push(await compareLinear(operator, type, mode));
  }
}
tallies.push(...await compareDynamic());
for (const tally of tallies) tally.print();
const total = (what) => tallies.reduce((sum, tally) => sum + tally[what], 0);
console.log(`onnxruntime ${ort.env.versions.node}: ${total('values')} values compared, ${total('differing')} differ`);
exit(total('differing') === 0 ? 0 : 1);
