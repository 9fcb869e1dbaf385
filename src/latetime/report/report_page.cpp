#include "latetime/report/report_page.hpp"

#include <fstream>
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/report/assets.hpp"
#include "latetime/report/report_json.hpp"
#include "latetime/report/sweep_json.hpp"
#include "latetime/report/tables_json.hpp"
#include "latetime/store/folder_kind.hpp"
#include "latetime/store/run_directory.hpp"
#include "latetime/store/training_folder.hpp"

namespace latetime {
namespace {

/// Text with every {{name}} replaced, once: what is put in is not searched again.
std::string filled(std::string_view page,
                   const std::map<std::string_view, std::string_view>& parts) {
  std::string text;
  for (std::size_t at = 0; at < page.size();) {
    const std::size_t open = page.find("{{", at);
    if (open == std::string_view::npos) return text += page.substr(at);
    const std::size_t close = page.find("}}", open);
    text += page.substr(at, open - at);
    text += parts.at(page.substr(open + 2, close - open - 2));
    at = close + 2;
  }
  return text;
}

/// JSON that may stand inside a script element, whatever texts it holds.
std::string inside_script(const nlohmann::ordered_json& json) {
  std::string text;
  for (const char c : json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

bool can_make_reports() {
  return !report_assets().vega.empty();
}

std::string report_refusal() {
  return "this program was built without Vega, which draws reports; run scripts/fetch-data vega "
         "and "
         "build again";
}

std::string make_report(const std::vector<std::string>& folders, const std::string& command) {
  const Assets assets = report_assets();
  if (assets.vega.empty()) throw InputError("report", report_refusal());
  nlohmann::ordered_json report{{"version", LATETIME_VERSION},
                                {"command", command},
                                {"runs", nlohmann::ordered_json::array()},
                                {"trainings", nlohmann::ordered_json::array()},
                                {"figures", nlohmann::ordered_json::array()},
                                {"sweeps", nlohmann::ordered_json::array()}};
  for (const std::string& folder : folders) {
    const std::vector<PaperFigure> figures = paper_figures_in(folder);
    for (const PaperFigure figure : figures) {
      report["figures"].push_back(paper_figure_json(folder, figure));
    }
    if (!figures.empty()) continue;
    if (holds_sweep(folder)) {
      report["sweeps"].push_back(sweep_json(folder));
    } else if (holds_training(folder)) {
      report["trainings"].push_back(training_json(folder));
    } else {
      report["runs"].push_back(run_json(folder));
    }
  }
  const std::string data = inside_script(report);
  return filled(assets.html, {{"css", assets.css},
                              {"vega", assets.vega},
                              {"licences", assets.licences},
                              {"script", assets.script},
                              {"data", data}});
}

bool is_report(const std::string& path) {
  std::string start(4096, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<std::size_t>(file.gcount()));
  return start.starts_with("<!doctype html>") &&
         start.find("\n<title>Latetime</title>\n<style>") != std::string::npos;
}

}  // namespace latetime
