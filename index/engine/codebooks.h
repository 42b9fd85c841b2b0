// Codebooks as durable objects: kept, loaded, activated, deleted. Changes are made in an exclusive turn of the
// committer, each by one synced batch, so that a crash leaves the table and the bytes beside it in step.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "index/codebook.h"
#include "index/engine/codebook_table.h"
#include "index/engine/codebook_training.h"
#include "index/engine/committer.h"
#include "index/engine/core.h"
#include "index/store/store.h"

namespace tessera::engine {

StatusOr<CodebookTable> LoadCodebooks(const store::Store& store);
// DataLoss naming the version if its bytes are damaged, or do not fit the collection.
StatusOr<std::string> LoadCodebookBytes(const Core& core, const CodebookEntry& entry);
StatusOr<quant::TrainedModel> LoadCodebook(const Core& core, const CodebookEntry& entry);
// Gives the codebook the next version, enters it into the table and puts its bytes into the batch. Putting the
// table is left to the caller.
uint32_t PutCodebook(const FreshCodebook& fresh, const std::string& label, CodebookTable& table,
                     store::Batch& batch);
Status NoCodebook(const Core& core, uint32_t version);  // NotFound

class CodebooksImpl final : public Codebooks {
 public:
  // `switched` is called after an activation, when another may begin.
  CodebooksImpl(std::shared_ptr<Core> core, std::shared_ptr<Committer> committer,
                std::function<void()> switched)
      : core_(std::move(core)), committer_(std::move(committer)), switched_(std::move(switched)) {}

  StatusOr<std::vector<CodebookInfo>> List() const override;
  StatusOr<CodebookInfo> Get(uint32_t version) const override;
  StatusOr<CodebookInfo> Train(const TrainOptions& options, const std::string& label) override;
  StatusOr<EvaluateResult> Evaluate(uint32_t version, const EvaluateOptions& options) override;
  Status Activate(uint32_t version, const TrainingContext& context) override;
  Status RollBack(const TrainingContext& context) override;
  StatusOr<std::string> Export(uint32_t version) const override;
  StatusOr<CodebookInfo> Import(const std::string& bytes, const std::string& label) override;
  Status Delete(uint32_t version) override;

 private:
  StatusOr<CodebookEntry> Entry(uint32_t version) const;
  CodebookInfo Info(const CodebookEntry& entry) const;
  StatusOr<CodebookInfo> Keep(const FreshCodebook& fresh, const std::string& label);
  // Edits a copy of the table and a batch in a turn, writes both, publishes the table.
  using TableEdit = std::function<Status(CodebookTable&, store::Batch&)>;
  Status Change(const TableEdit& edit);
  // Precondition: the turn to train is held.
  Status ActivateNow(uint32_t version, const TrainingContext& context);
  // Runs `work` as the only training.
  Status RunAlone(const std::function<Status()>& work);

  const std::shared_ptr<Core> core_;
  const std::shared_ptr<Committer> committer_;
  const std::function<void()> switched_;
};

}  // namespace tessera::engine
