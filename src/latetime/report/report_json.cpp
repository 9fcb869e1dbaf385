#include "latetime/report/report_json.hpp"

#include <cmath>

#include <fmt/format.h>

#include "latetime/report/claims_file.hpp"
#include "latetime/report/json_values.hpp"
#include "latetime/report/pair_maps.hpp"
#include "latetime/report/proof_file.hpp"
#include "latetime/report/run_results.hpp"
#include "latetime/report/summary.hpp"
#include "latetime/report/thinning.hpp"

namespace latetime {
namespace {

using nlohmann::ordered_json;
using Indices = std::vector<std::size_t>;

// Spectra are wider than curves; they need fewer times.
constexpr std::size_t spectrum_times = 160;
// Significant digits of what records hold.
constexpr int record_digits = 10;

/// Records at which another engine took over, and the ones before them.
Indices records_at_hand_overs(const RunResults& run) {
  Indices records;
  for (std::size_t r = 1; r < run.records(); ++r) {
    if (run.engines[r] == run.engines[r - 1]) continue;
    records.push_back(r - 1);
    records.push_back(r);
  }
  return records;
}

Indices records_shown(const RunResults& run) {
  std::vector<std::vector<double>> curves;
  for (const char* name : {"stable_rank_pos", "stable_rank_neg", "stable_rank_all", "log_loss",
                           "min_margin", "normalized_margin", "kkt_residual", "norm_w",
                           "sliding_pairs", "switching_pairs", "error_estimate"}) {
    curves.push_back(run.column(name));
  }
  for (const char* name : {"population_error", "test_error", "train_error"}) {
    if (run.columns.contains(name)) curves.push_back(run.column(name));
  }
  return records_to_draw(run.column("log10_t"), curves, records_at_hand_overs(run),
                         drawn_time_parts);
}

ordered_json records_json(const RunResults& run, const Indices& shown) {
  ordered_json columns;
  for (const auto& [name, values] : run.columns)
    columns[name] = json_numbers(values, shown, record_digits);
  ordered_json engines = ordered_json::array();
  for (const std::size_t r : shown) engines.push_back(text_of(run.engines[r]));
  return {
      {"total", run.records()}, {"shown", shown.size()}, {"engine", engines}, {"columns", columns}};
}

/// 1, 2, 3, 4, 6, 9, 13 … count: numbers of the singular values that are drawn.
Indices ranks_shown(std::size_t count) {
  Indices ranks;
  for (std::size_t k = 1; k < count; k += std::max<std::size_t>(1, k / 2)) ranks.push_back(k);
  if (count > 0) ranks.push_back(count);
  return ranks;
}

ordered_json spectrum_json(const RunResults& run, const Indices& shown) {
  ordered_json parts;
  Indices times;
  for (const std::size_t r : shown) {
    if (!std::isnan(run.column("log10_t")[r])) times.push_back(r);
  }
  times = evenly(times, spectrum_times);
  for (const auto& [part, spectrum] : run.spectra) {
    const std::size_t written = spectrum.count ? spectrum.values.size() / spectrum.count : 0;
    const Indices ranks = ranks_shown(spectrum.count);
    ordered_json values = ordered_json::array();
    for (const std::size_t k : ranks) {
      std::vector<double> curve;
      for (const std::size_t r : times) {
        curve.push_back(r < written ? spectrum.values[r * spectrum.count + k - 1] : std::nan(""));
      }
      values.push_back(json_numbers(curve, 6));
    }
    parts[part] = {{"count", spectrum.count}, {"ranks", ranks}, {"values", values}};
  }
  return {{"log10_t", json_numbers(run.column("log10_t"), times, record_digits)}, {"parts", parts}};
}

ordered_json limit_json(const RunResults& run) {
  if (!run.limit) return nullptr;
  const StoredLimit& limit = *run.limit;
  ordered_json json{{"status", text_of(limit.status)}, {"message", limit.message}};
  if (!limit.found()) return json;
  double sum = 0.0;
  for (const double multiplier : limit.multipliers) sum += multiplier;
  json["stable_rank"] = limit.stable_rank;
  json["stable_rank_excess"] = limit.stable_rank_excess;
  json["normalized_margin"] = limit.normalized_margin;
  json["kkt_residual"] = limit.kkt_residual;
  // log L + log t tends to the log of this: L = (1/n) Σ g_i and g_i → λ_i / t.
  json["loss_constant"] = sum / static_cast<double>(run.n);
  json["margins"] = json_numbers(limit.margins);
  json["support"] = json_numbers({limit.support.begin(), limit.support.end()});
  for (std::size_t i = 0; i < limit.errors.size(); ++i) {
    const double value = limit.errors[i];
    json["errors"][StoredLimit::error_names[i]] =
        std::isnan(value) ? ordered_json(nullptr) : ordered_json(value);
  }
  for (std::size_t i = 0; i < limit.optimum.size(); ++i) {
    const double value = limit.optimum[i];
    json["optimum"][StoredLimit::optimum_names[i]] =
        std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
  }
  if (!limit.optimum.empty()) {
    json["optimum"]["global_optimum"] = text_of(limit.global_optimum);
    json["optimum"]["local_optimum"] = text_of(limit.local_optimum);
    json["optimum"]["local_certainty"] = text_of(limit.local_certainty);
  }
  return json;
}

ordered_json bands_json(const std::vector<Band>& bands) {
  ordered_json list = ordered_json::array();
  for (const Band& band : bands) list.push_back({{"label", band.label}, {"members", band.members}});
  return list;
}

ordered_json maps_json(const PairMaps& maps) {
  ordered_json json{{"of_limit", maps.of_limit},
                    {"counts_switches", maps.counts_switches},
                    {"rows", bands_json(maps.rows)},
                    {"columns", bands_json(maps.columns)},
                    {"total", maps.total},
                    {"counts", maps.counts},
                    {"rho_mean", json_numbers(maps.rho_mean, 5)}};
  if (maps.counts_switches) {
    json["last_switch"] = json_numbers(maps.last_switch, 6);
    json["never"] = maps.never;
  }
  const bool single = maps.rho_least == maps.rho_most;
  if (!single) {
    json["rho_least"] = json_numbers(maps.rho_least, 4);
    json["rho_most"] = json_numbers(maps.rho_most, 4);
  }
  return json;
}

ordered_json summary_json(const RunResults& run, const PairMaps& maps) {
  ordered_json list = ordered_json::array();
  for (const Paragraph& p : summarize_run(run, maps)) {
    list.push_back({{"title", p.title}, {"text", p.text}});
  }
  return list;
}

}  // namespace

ordered_json run_json(const std::string& folder) {
  const RunResults run = read_run_results(folder);
  const PairMaps maps = pair_maps(run);
  const Indices shown = records_shown(run);
  const ClaimsFile claims = read_claims(folder);
  const ProofFile proof = read_proof(folder);
  return {{"name", folder_name(folder)},
          {"folder", folder},
          {"command", fmt::format("latetime run {}/config.toml --out NEW", folder)},
          {"config", run.config},
          {"shape",
           {{"n", run.n},
            {"d", run.d},
            {"m", run.width},
            {"slope", run.activation.slope},
            {"smoothing", run.activation.smoothing}}},
          {"outcome",
           {{"reason", text_of(run.end.reason)},
            {"message", run.end.message},
            {"reached", reached_text(run)}}},
          {"provenance",
           {{"version", run.provenance.version},
            {"machine", run.provenance.machine},
            {"kernel", run.provenance.kernel},
            {"data", run.provenance.data_origin},
            {"wall_seconds", run.provenance.wall_seconds}}},
          {"summary", summary_json(run, maps)},
          {"records", records_json(run, shown)},
          {"spectrum", spectrum_json(run, shown)},
          {"limit", limit_json(run)},
          {"labels", run.labels},
          {"margins", json_numbers(run.margins())},
          {"maps", maps_json(maps)},
          {"claims", claims.claims},
          {"claims_outdated", claims.outdated},
          {"claims_command", "latetime check " + folder},
          {"proof", proof.proof},
          {"proof_outdated", proof.outdated},
          {"proof_command", "latetime prove " + folder}};
}

}  // namespace latetime
