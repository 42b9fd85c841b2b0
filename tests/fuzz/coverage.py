"""coverage.py ROOT LCOV JSON: lines of the decoders that were run, a file a line, from what llvm-cov exports."""

import json
import os
import re
import subprocess
import sys

# Whatever reads bytes that come from outside. client/formats/hdf5_* is left out: a library parses those files.
DECODERS = """
index/base/bytes.cc index/base/format_version.cc
index/store/durable_mark.cc index/store/keys.cc index/store/log_files.cc index/store/records.cc
index/engine/backup_archive.cc index/engine/backup_record.cc index/engine/codebook_table.cc index/engine/list_cursor.cc
index/engine/metadata.cc index/engine/recall_grid.cc index/engine/request_log.cc index/engine/unfinished.cc
index/quant/bit_allocation.cc index/quant/model.cc index/quant/quantizer.cc index/quant/quantizer_bytes.cc
index/quant/quantizer_spec.cc index/quant/spec_bytes.cc index/quant/spec_parser.cc
index/filter/datetime.cc index/filter/flatten.cc index/filter/geo.cc index/filter/json.cc index/filter/lexer.cc
index/filter/number.cc index/filter/parser.cc index/filter/payload.cc index/filter/schema.cc index/filter/text_position.cc
server/config.cc server/convert.cc server/convert_codebooks.cc server/convert_collections.cc server/convert_evaluation.cc
server/convert_filter.cc server/convert_points.cc server/convert_searches.cc server/convert_verification.cc server/page.cc
server/process_memory.cc
client/convert.cc client/convert_codebooks.cc client/convert_evaluation.cc client/convert_filter.cc
client/convert_verification.cc
client/cli/element_options.cc client/cli/filter_options.cc client/cli/load_state.cc client/cli/options.cc
client/formats/byte_source.cc client/formats/detect.cc client/formats/file_input.cc client/formats/format.cc
client/formats/gzip_input.cc client/formats/json_line.cc client/formats/json_reader.cc client/formats/matrix_header.cc
client/formats/matrix_reader.cc client/formats/neighbors.cc client/formats/npy_header.cc client/formats/payload_file.cc
client/formats/row_appender.cc client/formats/vecs_reader.cc client/formats/vector_reader.cc
""".split()

# In those files, functions that read nothing from outside: they write, train, describe, declare options, or use what is
# decoded. By their names with their classes.
OTHERS = re.compile("|".join([
    # the other direction
    r"ToProto\(", r"\b(ToProto|Encode)\w*<", r"(::|\s)(Encode|Serialize|Write|Put|Append|Format|Save|Remove)[A-Z]?\w*\(",
    r"\bSerialize\w*\(", r"TierToProto", r"ExplainToProto", r"AddRejected", r"ArchiveWriter::", r"GenerationFamily\(",
    r"(RowKey|ListKey|PostingKey|RequestIdKey|RequestPlaceKey|Be32|StoreBe32|StoreBe64)\(", r"SetFilter", r"AddIds",
    # checks and uses of what a program holds
    r"client::Check\w+\(", r"Name(Queries|Examples)\(", r"DurableMark::(DurableMark|~DurableMark|Raise|Read)", r"FileIn\(",
    r"AreLogsWhole", r"Unfinished::", r"UnfinishedNote::", r"(HasUnfinished|ForgetWork|FinishWork)\(", r"RequestLog::(Open|Find|Keep|Expire)", r"RecallGrid::", r"(ProbeGrid|DepthGrid|\bMerge)\w*\(",
    r"CodebookTable::(Remove|Retire|Previous)", r"Describe\w*\(", r"CodebookStateName", r"CodebookRecord", r"(Model|Curve)Record",
    # training and coding
    r"Train\w*\(", r"QuantizationError", r"RoundTripError", r"FileQuantizer::(Encode|Make)", r"Normalized\(", r"ForBlocks",
    r"(Allocate|Deal|Best)\w*Bits", r"PairSixes", r"SubSpaceError::", r"Model::bytes", r"ListTable::centroid",
    # the command line's and the server's options
    r"Add\w*(Option|Options|Command)\(", r"Flags::Declare", r"ConvertBatch", r"CheckConvertible", r"LoadIdentity",
    r"DefaultLoadStatePath", r"ReadLoadState", r"Hash\(", r"(^|::|\s)Hex\(", r"ReadProcessMemory", r"LimitHeapGrowth",
]))


def lines_by_file(lcov):
    lines, path = {}, None
    for line in open(lcov, encoding="utf-8"):
        if line.startswith("SF:"):
            path = lines.setdefault(os.path.normpath(line[3:].strip()), {})
        elif line.startswith("DA:"):
            number, count = line[3:].split(",")[:2]
            path[int(number)] = max(path.get(int(number), 0), int(count))
    return lines


def demangled(names):
    text = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    return text.replace("[abi:cxx11]", "").splitlines()


def other_lines(functions):
    """By file: the lines of functions that are no decoders."""
    names = demangled([f["name"].rpartition(":")[2] for f in functions])
    left_out = {}
    for function, name in zip(functions, names):
        if OTHERS.search(name):
            first, _, last = function["regions"][0][:3]
            left_out.setdefault(os.path.normpath(function["filenames"][0]), set()).update(range(first, last + 1))
    return left_out


def main():
    root, lcov, exported = sys.argv[1:4]
    verbose = len(sys.argv) > 4
    lines = lines_by_file(lcov)
    functions = json.load(open(exported, encoding="utf-8"))["data"][0]["functions"]
    left_out = other_lines(functions)
    run = total = 0
    for path in DECODERS:
        full = os.path.join(root, path)
        if full not in lines:
            sys.exit(f"{path} is not in the program: the list of decoders is out of date")
        counts = {n: c for n, c in lines[full].items() if n not in left_out.get(full, ())}
        reached = sum(c > 0 for c in counts.values())
        run, total = run + reached, total + len(counts)
        share = 100 * reached / len(counts) if counts else 100
        print(f"{path:44} {reached:5} of {len(counts):5} lines  {share:5.1f} %")
        if verbose:
            print("    not run:", " ".join(str(n) for n, c in sorted(counts.items()) if c == 0))
    print(f"{'all decoders':44} {run:5} of {total:5} lines  {100 * run / total:5.1f} %")


if __name__ == "__main__":
    main()
