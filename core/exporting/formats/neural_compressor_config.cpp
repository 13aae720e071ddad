#include "core/exporting/formats/neural_compressor_config.h"

#include <map>

#include "core/base/file_output.h"
#include "core/base/text.h"
#include "core/exporting/module_schemes.h"
#include "core/exporting/state_dict.h"

namespace quantoscope {

namespace {

Json configOf(const QuantSpec& spec) {
  Json config = Json::object({{"dtype", nameOf(spec.dtype)},
                              {"bits", spec.bits},
                              {"group_size", static_cast<std::int64_t>(spec.groupSize)},
                              {"group_dim", 1},
                              {"use_sym", spec.scheme == Scheme::Sym},
                              {"use_full_range", spec.fullRange},
                              {"use_mse_search", spec.clip.kind == ClipPolicy::Kind::SearchTensor},
                              {"use_double_quant", spec.doubleQuant.has_value()}});
  if (const auto& dq = spec.doubleQuant) {
    config.set("double_quant_dtype", nameOf(dq->dtype));
    config.set("double_quant_bits", dq->bits);
    config.set("double_quant_use_sym", dq->scheme == Scheme::Sym);
    config.set("double_quant_group_size", static_cast<std::int64_t>(dq->groupSize));
  }
  return config;
}

/// What the format loses of a spec; empty if nothing.
std::string lossOf(const QuantSpec& spec) {
  switch (spec.clip.kind) {
    case ClipPolicy::Kind::None:
      return "";
    case ClipPolicy::Kind::Ratio:
      return "the clip ratio " + formatNumber(spec.clip.ratio) +
             " is left out: RTNConfig has no such field";
    case ClipPolicy::Kind::SearchTensor:
      if (spec.grid != RatioGrid{}) return "use_mse_search searches its own ratios 1:0.805:40";
      return "";
    case ClipPolicy::Kind::SearchRows:
    case ClipPolicy::Kind::SearchGroups:
      return "the clip search per row or group is left out: RTNConfig searches per tensor only";
    case ClipPolicy::Kind::Optimal:
      return "optimal clipping is left out: RTNConfig has only the search per tensor";
  }
  return "";
}

void addFindings(Findings& findings, const std::string& subject, const QuantSpec& spec) {
  const auto note = [&](const std::string& text) {
    findings.push_back({Finding::Severity::Note, subject, text});
  };
  const NumberFormat& format = formatOf(spec.dtype);
  if (const std::string loss = lossOf(spec); !loss.empty()) note(loss);
  if (format.origin == FormatOrigin::Elsewhere) {
    note(std::string("neural-compressor has no dtype ") + format.name);
  }
  if (spec.halfRange) note("RTNConfig has no half range");
  if (*format.caution != '\0') {
    note(std::string(format.name) + " is " + format.caution);
  }
}

/// Calls use(info, spec) for the tensors whose chosen spec differs from the default.
template <typename Use>
void forEachOwnSpec(const ModelHeader& header, Use use) {
  for (const TensorInfo& info : header.tensors) {
    const auto chosen = header.plan.tensors.find(info.name);
    if (chosen == header.plan.tensors.end()) continue;
    if (chosen->second.spec != header.plan.defaultSpec) use(info, chosen->second.spec);
  }
}

/// Refuses tensors that are one module to the readers, but are to be quantized in two ways.
void refuseSharedModules(Findings& findings, const ModelHeader& header) {
  struct Owner {
    const std::string* tensor;
    const QuantSpec* spec;
  };
  std::map<std::string, Owner> owners;
  for (const TensorInfo& info : header.tensors) {
    const auto chosen = header.plan.tensors.find(info.name);
    const bool own = chosen != header.plan.tensors.end();
    const QuantSpec& spec = own ? chosen->second.spec : header.plan.defaultSpec;
    const std::string module = moduleOf(info.name);
    const auto [there, isNew] = owners.try_emplace(module, Owner{&info.name, &spec});
    if (isNew || *there->second.spec == spec) continue;
    findings.push_back({Finding::Severity::Refusal, info.name,
                        "is the module " + module + " like " + *there->second.tensor +
                            ", but has another specification; allowed is one a module"});
  }
}

/// Whether a module is an output head, which RTNConfig leaves in float unless it is told.
bool isHead(const std::string& module) {
  for (const std::string head : {"lm_head", "output_layer", "embed_out"}) {
    if (module == head || module.ends_with('.' + head)) return true;
  }
  return false;
}

/// The configuration as a file that is written when it is finished.
class ConfigSink : public TensorSink {
 public:
  ConfigSink(std::unique_ptr<PendingFile> pending, const ModelHeader& header)
      : pending_(std::move(pending)), text_(neuralCompressorConfig(header).text() + "\n") {}

  Status add(const ExportTensor& tensor) override {
    return Error{ErrorCode::InvalidArgument,
                 tensor.info.name + ": a configuration holds no tensors"};
  }
  Result<FinishedFile> finish() override {
    if (auto status = pending_->write(text_); !status) return status.error();
    return FinishedFile{};
  }
  Status commit() override { return pending_->commit(); }

 private:
  std::unique_ptr<PendingFile> pending_;
  std::string text_;
};

Result<std::unique_ptr<TensorSink>> createConfig(const OutputPath& path, const ModelHeader& header,
                                                 const Executor&) {
  auto pending = std::make_unique<PendingFile>(path);
  if (auto status = pending->create(PendingFile::Temporary::Nameless); !status) {
    return status.error();
  }
  return std::unique_ptr<TensorSink>(std::make_unique<ConfigSink>(std::move(pending), header));
}

}  // namespace

Json neuralCompressorConfig(const ModelHeader& header) {
  bool quantizesHead = false;
  for (const TensorInfo& info : header.tensors) {
    quantizesHead = quantizesHead || isHead(moduleOf(info.name));
  }
  Json local = Json::object();
  forEachOwnSpec(header, [&](const TensorInfo& info, const QuantSpec& spec) {
    local.set(anchoredPattern(moduleOf(info.name)), configOf(spec));
  });
  Json global = configOf(header.plan.defaultSpec);
  if (quantizesHead) global.set("quant_lm_head", true);
  return Json::object({{"rtn", Json::object({{"global", global}, {"local", local}})},
                       {"global", global},
                       {"local", local}});
}

Findings neuralCompressorFindings(const ModelHeader& header) {
  Findings findings;
  addFindings(findings, "default", header.plan.defaultSpec);
  forEachOwnSpec(header, [&](const TensorInfo& info, const QuantSpec& spec) {
    addFindings(findings, info.name, spec);
  });
  refuseSharedModules(findings, header);
  return findings;
}

ExportFormat neuralCompressorFormat() {
  return {"inc-config",
          "neural-compressor configuration",
          ".json",
          "Bits, groups and schemes for neural-compressor's RTN, which does the quantizing itself: "
          "what json.load() reads, for quantize() or RTNConfig.from_dict()",
          ExportContent::Plan,
          neuralCompressorFindings,
          createConfig};
}

}  // namespace quantoscope
