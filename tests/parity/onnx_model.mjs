// Small ONNX models, written as protobuf bytes by hand (onnx.proto3: ModelProto, GraphProto, NodeProto,
// ValueInfoProto).

// TensorProto.DataType
export const ElementType = { float: 1, uint8: 2, int8: 3, int16: 5, uint4: 21, int4: 22 };

const OPSET = 21;  // the first with 4-bit integers
const IR_VERSION = 10;

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  bytes.push(value);
  return Buffer.from(bytes);
}

const field = (number, wireType) => varint(number * 8 + wireType);
const number = (tag, value) => Buffer.concat([field(tag, 0), varint(value)]);
const bytes = (tag, value) => {
  const content = Buffer.from(value);
  return Buffer.concat([field(tag, 2), varint(content.length), content]);
};
const message = (tag, ...parts) => bytes(tag, Buffer.concat(parts));

// ValueInfoProto { name = 1, type = 2 { tensor_type = 1 { elem_type = 1, shape = 2 { dim = 1 { dim_param = 2 } } } } }
function valueInfo(tag, { name, type, rank }) {
  const dims = Array.from({ length: rank }, (_, i) => message(1, bytes(2, `${name}${i}`)));
  return message(tag, bytes(1, name),
    message(2, message(1, number(1, ElementType[type]), message(2, ...dims))));
}

// NodeProto { input = 1, output = 2, op_type = 4, attribute = 5 { name = 1, i = 3, type = 20 (INT = 2) } }
// attributes: whole numbers.
function nodeBytes({ operator, inputs, outputs, attributes = {} }) {
  return message(1,
    ...inputs.map((name) => bytes(1, name)),
    ...outputs.map((name) => bytes(2, name)),
    bytes(4, operator),
    ...Object.entries(attributes).map(([name, value]) =>
      message(5, bytes(1, name), number(3, value), number(20, 2))));
}

// nodes: [{operator, inputs, outputs, attributes}] by names of values; inputs, outputs of the graph:
// [{name, type, rank}], their shapes open.
export function modelBytes(nodes, inputs, outputs) {
  const graph = message(7, ...nodes.map(nodeBytes), bytes(2, 'parity'),
    ...inputs.map((value) => valueInfo(11, value)),
    ...outputs.map((value) => valueInfo(12, value)));
  return Buffer.concat([number(1, IR_VERSION), message(8, bytes(1, ''), number(2, OPSET)), graph]);
}
