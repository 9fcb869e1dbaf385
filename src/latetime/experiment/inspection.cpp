#include "latetime/experiment/inspection.hpp"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "latetime/experiment/sample_scale.hpp"

namespace latetime {

DataInspection inspect_samples(const Samples& x, const std::string& where) {
  require_finite_squares(x, where);
  DataInspection result{
      .n = x.rows(), .d = x.cols(), .orthogonality = orthogonality(gram_matrix(x))};
  const double scale = result.orthogonality.norm_max * result.orthogonality.norm_max;
  result.linearly_independent =
      result.orthogonality.min_eigenvalue > 1e-14 * static_cast<double>(x.rows()) * scale;
  return result;
}

namespace {

std::vector<EngineKind> planned_engines(Method method, const EnginePlan& plan, int classes) {
  if (method == Method::flow) return {EngineKind::flow};
  if (plan.dense) return {EngineKind::dense};
  std::vector<EngineKind> engines{EngineKind::coefficient};
  if (classes == 2 && (plan.hand_over || plan.frozen)) engines.push_back(EngineKind::frozen);
  if (plan.hand_over) engines.push_back(EngineKind::flow);
  return engines;
}

}  // namespace

std::string engines_text(const std::vector<EngineKind>& engines) {
  std::string text;
  for (const EngineKind engine : engines) {
    if (!text.empty()) text += engine == EngineKind::flow ? ", then " : ", ";
    text += text_of(engine);
  }
  return text;
}

RunInspection inspect_run(const RunConfig& config, const Dataset& data) {
  const DescentOptions options = descent_options(config, data.size(), 1);
  const EnginePlan plan =
      plan_engines(options, data.size(), shape_of(config.network, data.dim(), data.class_count));
  return {.data = inspect_samples(data.x, "data"),
          .origin = data.origin,
          .class_plus = std::count(data.classes.begin(), data.classes.end(), 0),
          .class_minus = std::count(data.classes.begin(), data.classes.end(), 1),
          .class_count = data.class_count,
          .engines = planned_engines(options.method, plan, data.class_count),
          .last_step = last_time(config, data.size()),
          .records = recorded_steps(config, data.size()).size(),
          .neurons = data.class_count * config.network.width};
}

}  // namespace latetime
