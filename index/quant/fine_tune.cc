#include "index/quant/fine_tune.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "index/quant/blas.h"
#include "index/quant/random.h"
#include "index/quant/rows.h"

namespace tessera::quant {
namespace {

constexpr uint64_t kStream = 107;  // of random numbers
constexpr size_t kMaxRows = 32768;
constexpr uint32_t kRounds = 5;
constexpr size_t kBlockRows = 1024;

// Lower triangle L of a positive definite matrix A = L L^T, in place; the rest is left. False where it is not.
bool Factorize(std::vector<double>& a, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double sum = a[i * n + j];
      for (size_t k = 0; k < j; ++k) sum -= a[i * n + k] * a[j * n + k];
      if (i == j && !(sum > 0)) return false;
      a[i * n + j] = i == j ? std::sqrt(sum) : sum / a[j * n + j];
    }
  }
  return true;
}

// x = A^-1 x by the factor L.
void Solve(const std::vector<double>& l, size_t n, double* x) {
  for (size_t i = 0; i < n; ++i) {
    for (size_t k = 0; k < i; ++k) x[i] -= l[i * n + k] * x[k];
    x[i] /= l[i * n + i];
  }
  for (size_t i = n; i-- > 0;) {
    for (size_t k = i + 1; k < n; ++k) x[i] -= l[k * n + i] * x[k];
    x[i] /= l[i * n + i];
  }
}

class FineTuner {
 public:
  FineTuner(const TableCode& start, const std::vector<float>& loss, MatrixView<const float> rows,
            const TrainingContext& context)
      : matrix_(loss),
        context_(context),
        executor_(context.executor ? *context.executor : inline_),
        dim_(start.dim()),
        code_(start),
        weights_(loss, start) {
    Random random(context.seed, kStream);
    rows_ = GatherRows(rows, SampleIndices(rows.rows(), std::min(rows.rows(), kMaxRows), random));
    scan_codes_.resize(size() * code_.scan_codes());
    errors_.resize(rows_.size());
  }

  StatusOr<FineTuned> Run() {
    TESSERA_RETURN_IF_ERROR(FactorizeBlocks());
    TESSERA_RETURN_IF_ERROR(Encode(false));
    const double before = Loss();
    for (uint32_t round = 0; round < kRounds; ++round) {
      if (context_.progress) context_.progress(round / double{kRounds}, "fine-tuning");
      TESSERA_RETURN_IF_ERROR(Encode(true));
      TESSERA_RETURN_IF_ERROR(UpdateCodebooks());
    }
    TESSERA_RETURN_IF_ERROR(Encode(true));
    const double after = Loss();  // of the weights that are moved out
    return FineTuned{std::move(code_), std::move(weights_), before, after};
  }

 private:
  size_t size() const { return rows_.size() / dim_; }
  double Loss() const {
    return weights_.Cost(errors_.data(), size()) / static_cast<double>(size());
  }

  Status FactorizeBlocks() {
    for (size_t p = 0; p < code_.parts(); ++p) {
      const TablePart& part = code_.part(p);
      std::vector<double> block;
      for (uint32_t i = part.begin; i < part.end; ++i) {
        for (uint32_t j = part.begin; j < part.end; ++j) block.push_back(matrix_[i * dim_ + j]);
      }
      if (!Factorize(block, part.dims())) {
        return Internal("fine-tuning: the ranking loss is not positive definite");
      }
      factors_.push_back(std::move(block));
    }
    return OkStatus();
  }

  // Scan codes and errors of all rows by the code of now.
  Status Encode(bool improve) {
    ParallelFor(executor_, size(), kBlockRows, [&](size_t begin, size_t end) {
      if (!context_.stop.Check().ok()) return;
      const MatrixView<const float> block(rows_.data() + begin * dim_, end - begin, dim_);
      std::vector<uint8_t> codes((end - begin) * code_.code_bytes());
      code_.Encode(block, codes.data());
      if (improve) weights_.Improve(code_, block, codes.data());
      float* errors = errors_.data() + begin * dim_;
      code_.Decode(codes.data(), end - begin, errors);
      for (size_t i = 0; i < (end - begin) * dim_; ++i) errors[i] = block.data()[i] - errors[i];
      for (size_t i = begin; i < end; ++i) {
        code_.ReadScanCodes(codes.data() + (i - begin) * code_.code_bytes(),
                            scan_codes_.data() + i * code_.scan_codes());
      }
    });
    return context_.stop.Check();
  }

  // Part after part takes the steps C_k += W_pp^-1 mean(W_p e) over the rows of codeword k: the minimum beside
  // the other parts as they are.
  Status UpdateCodebooks() {
    std::vector<float> codebooks = code_.codebooks();
    float* codebook = codebooks.data();
    for (size_t p = 0; p < code_.parts(); ++p) {
      TESSERA_RETURN_IF_ERROR(context_.stop.Check());
      const TablePart& part = code_.part(p);
      const std::vector<float> steps = Steps(p);
      for (uint32_t k = 0; k < part.entries(); ++k) {
        for (uint32_t j = 0; j < part.dims(); ++j) {
          codebook[size_t{j} * part.entries() + k] += steps[size_t{k} * part.dims() + j];
        }
      }
      for (size_t i = 0; i < size(); ++i) {
        const float* step = steps.data() + size_t{Index(i, p)} * part.dims();
        for (uint32_t j = 0; j < part.dims(); ++j) errors_[i * dim_ + part.begin + j] -= step[j];
      }
      codebook += part.floats();
    }
    code_ = TableCode(code_.layout(), std::move(codebooks));
    weights_ = ErrorWeights(matrix_, code_);
    return OkStatus();
  }

  uint32_t Index(size_t row, size_t p) const {
    return code_.PartIndex(scan_codes_.data() + row * code_.scan_codes(), p);
  }

  // [entries][dims]; none for codewords without rows. Sums in row order, whatever the threads.
  std::vector<float> Steps(size_t p) {
    const TablePart& part = code_.part(p);
    const size_t dims = part.dims();
    pulls_.resize(size() * dims);
    ParallelFor(executor_, size(), kBlockRows, [&](size_t begin, size_t end) {
      MultiplyTransposed(end - begin, dims, dim_, errors_.data() + begin * dim_, dim_,
                         matrix_.data() + part.begin * dim_, dim_, pulls_.data() + begin * dims,
                         dims);
    });
    std::vector<double> sums(part.entries() * dims);
    std::vector<uint32_t> counts(part.entries());
    for (size_t i = 0; i < size(); ++i) {
      const uint32_t k = Index(i, p);
      ++counts[k];
      for (size_t j = 0; j < dims; ++j) sums[k * dims + j] += double{pulls_[i * dims + j]};
    }
    std::vector<float> steps(part.entries() * dims);
    for (uint32_t k = 0; k < part.entries(); ++k) {
      if (counts[k] == 0) continue;
      double* sum = sums.data() + k * dims;
      for (size_t j = 0; j < dims; ++j) sum[j] /= counts[k];
      Solve(factors_[p], dims, sum);
      for (size_t j = 0; j < dims; ++j) steps[k * dims + j] = static_cast<float>(sum[j]);
    }
    return steps;
  }

  const std::vector<float>& matrix_;
  const TrainingContext& context_;
  InlineExecutor inline_;
  Executor& executor_;
  const size_t dim_;
  TableCode code_;
  ErrorWeights weights_;
  std::vector<std::vector<double>> factors_;  // of the block of W of each part
  std::vector<float> rows_;
  std::vector<float> errors_;
  std::vector<uint8_t> scan_codes_;
  std::vector<float> pulls_;
};

}  // namespace

StatusOr<FineTuned> FineTune(const TableCode& start, const std::vector<float>& loss,
                             MatrixView<const float> rows, const TrainingContext& context) {
  return FineTuner(start, loss, rows, context).Run();
}

}  // namespace tessera::quant
