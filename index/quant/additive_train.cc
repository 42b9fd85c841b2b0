#include "index/quant/additive_train.h"

#include <algorithm>
#include <utility>

#include "index/quant/blas.h"
#include "index/quant/nearest.h"
#include "index/quant/progressive_kmeans.h"
#include "index/quant/random.h"
#include "index/quant/rows.h"

namespace tessera::quant {
namespace {

constexpr size_t kBlockRows = 256;
constexpr uint64_t kMaxRows = 65536;
constexpr uint32_t kRounds = 2;  // of update and encoding
constexpr uint32_t kTrainingBeam = 8;
constexpr float kRidge = 1.0f;  // in rows: what keeps a codeword of few rows in its place

TableLayout GroupLayout(uint32_t dim, uint32_t stages, uint32_t bits) {
  TableLayout layout;
  layout.dim = dim;
  layout.scan_bits = bits;
  layout.parts.assign(stages, {0, dim, bits});
  layout.beam = kTrainingBeam;
  return layout;
}

class AdditiveTrainer {
 public:
  AdditiveTrainer(MatrixView<const float> rows, uint32_t stages, uint32_t bits, uint32_t iterations,
                  const TrainingContext& context)
      : rows_(rows),
        stages_(stages),
        bits_(bits),
        iterations_(iterations),
        context_(context),
        executor_(context.executor ? *context.executor : inline_),
        residuals_(CopyRows(rows)) {}

  StatusOr<TableCode> Run() {
    for (uint32_t t = 0; t < stages_; ++t) {
      Report(t);
      TESSERA_RETURN_IF_ERROR(AddStage(t));
      TESSERA_RETURN_IF_ERROR(Encode());
    }
    for (uint32_t i = 0; i < kRounds; ++i) {
      Report(stages_ + i);
      TESSERA_ASSIGN_OR_RETURN(auto codebooks, UpdateCodebooks(code_, rows_, indices_, executor_));
      code_ = TableCode(code_.layout(), std::move(codebooks));
      if (i + 1 < kRounds) TESSERA_RETURN_IF_ERROR(Encode());
    }
    Report(stages_ + kRounds);
    return std::move(code_);
  }

 private:
  void Report(uint32_t done) const {
    if (context_.progress)
      context_.progress(static_cast<double>(done) / (stages_ + kRounds), "codebooks");
  }

  // One codebook more, of the residuals.
  Status AddStage(uint32_t t) {
    TrainingContext quiet = context_;
    quiet.progress = nullptr;
    quiet.seed = Random(context_.seed, t + 1).Next();
    const size_t dim = rows_.dim();
    TESSERA_ASSIGN_OR_RETURN(
        const std::vector<float> centroids,
        ProgressiveKMeans({residuals_.data(), rows_.rows(), dim},
                          {.k = 1u << bits_, .iterations = iterations_}, quiet));
    std::vector<float> codebooks = code_.codebooks();
    const std::vector<float> added = Transpose(centroids.data(), size_t{1} << bits_, dim);
    codebooks.insert(codebooks.end(), added.begin(), added.end());
    code_ = TableCode(GroupLayout(static_cast<uint32_t>(dim), t + 1, bits_), std::move(codebooks));
    return OkStatus();
  }

  // indices_ and residuals_ of the present code.
  Status Encode() {
    const size_t dim = rows_.dim();
    const size_t stages = code_.parts();
    indices_.resize(rows_.rows() * stages);
    ParallelFor(executor_, rows_.rows(), kBlockRows, [&](size_t begin, size_t end) {
      if (!context_.stop.Check().ok()) return;
      std::vector<uint8_t> codes((end - begin) * code_.code_bytes());
      std::vector<uint8_t> scan(code_.scan_codes());
      std::vector<float> decoded((end - begin) * dim);
      code_.Encode(rows_.Slice(begin, end - begin), codes.data());
      code_.Decode(codes.data(), end - begin, decoded.data());
      for (size_t i = begin; i < end; ++i) {
        code_.ReadScanCodes(codes.data() + (i - begin) * code_.code_bytes(), scan.data());
        for (size_t t = 0; t < stages; ++t) {
          indices_[i * stages + t] = static_cast<uint8_t>(code_.PartIndex(scan.data(), t));
        }
        for (size_t j = 0; j < dim; ++j) {
          residuals_[i * dim + j] = rows_.row(i)[j] - decoded[(i - begin) * dim + j];
        }
      }
    });
    return context_.stop.Check();
  }

  MatrixView<const float> rows_;
  const uint32_t stages_;
  const uint32_t bits_;
  const uint32_t iterations_;
  const TrainingContext& context_;
  InlineExecutor inline_;
  Executor& executor_;
  TableCode code_;
  std::vector<float> residuals_;
  std::vector<uint8_t> indices_;  // [row][stage]
};

// Normal equations of the step. Codewords are counted through the stages.
class Update {
 public:
  Update(const TableCode& code, MatrixView<const float> rows, const std::vector<uint8_t>& indices,
         Executor& executor)
      : code_(code),
        stages_(code.parts()),
        entries_(code.part(0).entries()),
        codewords_(stages_ * entries_),
        rows_(rows),
        indices_(indices),
        executor_(executor),
        counts_(codewords_ * codewords_),
        sums_(codewords_ * code.dim()),
        residuals_(rows.rows() * code.dim()) {}

  StatusOr<std::vector<float>> Run() {
    const size_t dim = code_.dim();
    FindResiduals();
    ParallelFor(executor_, stages_, 1, [&](size_t t, size_t) { Collect(t); });
    for (size_t i = 0; i < codewords_; ++i) counts_[i * codewords_ + i] += kRidge;
    std::vector<float> steps = Transpose(sums_.data(), codewords_, dim);
    if (!SolvePositive(counts_.data(), codewords_, steps.data(), dim)) {
      return Internal("codebooks: the normal equations are not positive");
    }
    std::vector<float> codebooks = code_.codebooks();
    float* to = codebooks.data();
    for (size_t t = 0; t < stages_; ++t) {
      for (size_t j = 0; j < dim; ++j) {
        const float* step = steps.data() + j * codewords_ + t * entries_;
        for (size_t k = 0; k < entries_; ++k) *to++ += step[k];
      }
    }
    return codebooks;
  }

 private:
  void FindResiduals() {
    const size_t dim = code_.dim();
    std::vector<float> codebooks(codewords_ * dim);
    for (size_t t = 0; t < stages_; ++t) {
      const std::vector<float> stage = Transpose(code_.codebook(t), dim, entries_);
      std::copy(stage.begin(), stage.end(), codebooks.data() + t * entries_ * dim);
    }
    ParallelFor(executor_, rows_.rows(), kBlockRows, [&](size_t begin, size_t end) {
      for (size_t i = begin; i < end; ++i) {
        float* residual = residuals_.data() + i * dim;
        std::copy_n(rows_.row(i), dim, residual);
        for (size_t t = 0; t < stages_; ++t) {
          const float* codeword = codebooks.data() + Codeword(i, t) * dim;
          for (size_t j = 0; j < dim; ++j) residual[j] -= codeword[j];
        }
      }
    });
  }

  size_t Codeword(size_t i, size_t t) const { return t * entries_ + indices_[i * stages_ + t]; }

  // Rows of the equations for stage t: how often its codewords meet those of the stages up to it,
  // whole numbers, and the sums of their rows' residuals in the order of rows.
  void Collect(size_t t) {
    const size_t dim = code_.dim();
    for (size_t i = 0; i < rows_.rows(); ++i) {
      const size_t codeword = Codeword(i, t);
      float* counts = counts_.data() + codeword * codewords_;
      for (size_t u = 0; u <= t; ++u) counts[Codeword(i, u)] += 1.0f;
      const float* residual = residuals_.data() + i * dim;
      float* sums = sums_.data() + codeword * dim;
      for (size_t j = 0; j < dim; ++j) sums[j] += residual[j];
    }
  }

  const TableCode& code_;
  const size_t stages_;
  const size_t entries_;
  const size_t codewords_;  // of all stages
  MatrixView<const float> rows_;
  const std::vector<uint8_t>& indices_;
  Executor& executor_;
  std::vector<float> counts_;  // [codeword][codeword], the lower triangle
  std::vector<float> sums_;    // [codeword][dim]
  std::vector<float> residuals_;
};

}  // namespace

StatusOr<TableCode> TrainAdditive(MatrixView<const float> rows, uint32_t stages, uint32_t bits,
                                  uint32_t iterations, const TrainingContext& context) {
  std::vector<float> sample;
  if (rows.rows() > kMaxRows) {
    Random random(context.seed);
    sample = GatherRows(rows, SampleIndices(rows.rows(), kMaxRows, random));
    rows = MatrixView<const float>(sample.data(), kMaxRows, rows.dim());
  }
  return AdditiveTrainer(rows, stages, bits, iterations, context).Run();
}

StatusOr<std::vector<float>> UpdateCodebooks(const TableCode& code, MatrixView<const float> rows,
                                             const std::vector<uint8_t>& indices,
                                             Executor& executor) {
  return Update(code, rows, indices, executor).Run();
}

}  // namespace tessera::quant
