#include <chrono>
#include <filesystem>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "latetime/base/error.hpp"
#include "latetime/report/pair_maps.hpp"
#include "latetime/report/report_json.hpp"
#include "latetime/report/report_page.hpp"
#include "latetime/report/run_results.hpp"
#include "latetime/report/summary.hpp"
#include "latetime/store/problem_seal.hpp"
#include "latetime/store/run_directory.hpp"
#include "report/synthetic_run.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(RunResults, MarginsAreThoseOfTheNetwork) {
  const TemporaryFolder folder;
  write_synthetic_run(folder / "run", {.n = 3, .d = 4, .width = 2, .slope = 0.25});
  const RunResults run = read_run_results(folder / "run");
  ASSERT_EQ(run.state.preactivations.size(), 12u);
  const auto margins = run.margins();
  for (std::size_t i = 0; i < 3; ++i) {
    const auto activated = [&](std::size_t k) {
      const double z = run.state.preactivations[k * 3 + i];
      return z > 0 ? z : 0.25 * z;
    };
    const double f = (activated(0) + activated(1) - activated(2) - activated(3)) / 2;
    EXPECT_NEAR(margins[i], (i % 2 ? -1 : 1) * f, 1e-14);
  }
}

TEST(PairMaps, KeepClassesApartAndLoseNoPair) {
  const TemporaryFolder folder;
  write_synthetic_run(folder / "run", {.n = 7, .width = 5});
  const RunResults run = read_run_results(folder / "run");
  const PairMaps maps = pair_maps(run, {.rows = 2, .columns = 2});
  EXPECT_FALSE(maps.of_limit);
  EXPECT_EQ(maps.rows.size(), 4u);  // 3 + 2 neurons, twice
  EXPECT_EQ(maps.columns.size(), 4u);
  std::size_t pairs = 0;
  double rho = 0.0;
  for (std::size_t cell = 0; cell < maps.cells(); ++cell) {
    std::size_t here = 0;
    for (const auto& counts : maps.counts) here += counts[cell];
    const Band &row = maps.rows[cell / 4], &column = maps.columns[cell % 4];
    EXPECT_EQ(here, row.members.size() * column.members.size());
    EXPECT_LE(maps.rho_least[cell], maps.rho_mean[cell]);
    EXPECT_GE(maps.rho_most[cell], maps.rho_mean[cell]);
    rho += maps.rho_mean[cell] * static_cast<double>(here);
    pairs += here;
    for (const std::size_t i : column.members) EXPECT_EQ(run.labels[i], column.label);
  }
  EXPECT_EQ(pairs, 70u);
  EXPECT_NEAR(rho, std::accumulate(run.state.rho.begin(), run.state.rho.end(), 0.0), 1e-12);
}

TEST(PairMaps, ShowVerdictsOfTheLimitAndOrderNeuronsByThem) {
  const TemporaryFolder folder;
  // Neuron r of class +1 is active on samples below r; class −1 switches everywhere.
  write_synthetic_run(folder / "run",
                      {.n = 4, .width = 3, .verdict = [](Eigen::Index k, Eigen::Index i) {
                         return static_cast<std::uint8_t>(k >= 3 ? 2 : i < k ? 1 : 0);
                       }});
  const PairMaps maps = pair_maps(read_run_results(folder / "run"));
  EXPECT_TRUE(maps.of_limit);
  EXPECT_EQ(maps.total, (std::array<std::size_t, 4>{12 - 3, 3, 12, 0}));
  std::vector<std::size_t> order;
  for (const Band& band : maps.rows) order.push_back(band.members.front());
  EXPECT_EQ(order, (std::vector<std::size_t>{2, 1, 0, 0, 1, 2}));
}

TEST(PairMaps, WithoutALimitWhatSwitchedWithinADecadeSwitches) {
  const TemporaryFolder folder;
  // Nine records at 10^0 … 10^8 after the start; the last decade is that of record 8 alone.
  write_synthetic_run(folder / "run",
                      {.n = 2,
                       .width = 2,
                       .records = 9,
                       .last = 8.0,
                       .last_switch = [](Eigen::Index k, Eigen::Index) -> std::uint64_t {
                         return k == 0 ? 8 : k == 1 ? 7 : 0;
                       }});
  const PairMaps maps = pair_maps(read_run_results(folder / "run"));
  EXPECT_EQ(maps.total[2], 2u);
  std::size_t never = 0;
  for (const std::size_t count : maps.never) never += count;
  EXPECT_EQ(never, 4u);
}

TEST(PairMaps, OfMiniBatchesKnowNoSwitches) {
  const TemporaryFolder folder;
  write_synthetic_run(folder / "run", {.n = 4, .width = 2, .method = Method::stochastic});
  const PairMaps maps = pair_maps(read_run_results(folder / "run"));
  EXPECT_FALSE(maps.counts_switches);
  EXPECT_TRUE(maps.never.empty());
  EXPECT_TRUE(maps.last_switch.empty());
  EXPECT_EQ(maps.total[0] + maps.total[1], 16u);  // signs, no pair switching
  const auto json = run_json(folder / "run")["maps"];
  EXPECT_EQ(json["counts_switches"], false);
  EXPECT_FALSE(json.contains("last_switch"));
  EXPECT_FALSE(json.contains("never"));
}

TEST(Summary, SaysWhatIsKnownAndWhatIsNot) {
  const TemporaryFolder folder;
  const auto words = [&](const std::string& name) {
    const RunResults run = read_run_results(folder / name);
    std::string text;
    for (const Paragraph& p : summarize_run(run, pair_maps(run))) text += p.title + ": " + p.text;
    return text;
  };
  write_synthetic_run(folder / "plain", {});
  EXPECT_THAT(words("plain"), AllOf(HasSubstr("4 samples in 6 dimensions"), HasSubstr("not stored"),
                                    HasSubstr("latetime limit"), Not(HasSubstr("nan"))));
  write_synthetic_run(folder / "mini", {.method = Method::stochastic});
  EXPECT_THAT(words("mini"),
              AllOf(HasSubstr("batches of 2"), HasSubstr("not counted"),
                    HasSubstr("has no late-time flow"), Not(HasSubstr("hand over"))));
  write_synthetic_run(folder / "whole", {.n = 2, .method = Method::stochastic});
  EXPECT_THAT(words("whole"), HasSubstr("batches of all samples"));
  write_synthetic_run(folder / "late",
                      {.verdict = [](Eigen::Index, Eigen::Index) { return std::uint8_t{3}; }});
  EXPECT_THAT(words("late"), AllOf(HasSubstr("24 are undecided"), HasSubstr("go to 1.5 of"),
                                   Not(HasSubstr("nan"))));
}

/// The JSON that the page holds.
nlohmann::json data_of(const std::string& html) {
  const std::string open = "<script type=\"application/json\" id=\"data\">";
  const std::size_t begin = html.find(open) + open.size();
  return nlohmann::json::parse(html.substr(begin, html.find("</script>", begin) - begin));
}

/// The text of a claims.json with one claim.
std::string claims_named(const std::string& name) {
  return R"({"format": "latetime-claims", "version": 1, "counts": {"Holds": 1},
             "thresholds": {}, "looked_at": {"until": {"step": 1}, "notes": []}, "claims": [{"name": ")" +
         name + R"(", "verdict": "Holds", "hypotheses": [], "measured": [], "figures": []}]})";
}

class ReportPage : public testing::Test {
 protected:
  void SetUp() override {
    if (!can_make_reports()) GTEST_SKIP() << report_refusal();
  }
  const TemporaryFolder folder_;
};

TEST_F(ReportPage, IsOneFileThatAsksForNothing) {
  write_synthetic_run(folder_ / "run", {});
  const std::string html = make_report({folder_ / "run"}, "latetime report run");
  EXPECT_THAT(html, AllOf(HasSubstr("default-src 'none'"), Not(HasSubstr("{{")),
                          Not(HasSubstr("<script src")), Not(HasSubstr("<link rel=\"stylesheet"))));
  EXPECT_EQ(data_of(html)["runs"][0]["records"]["shown"], 12);
}

TEST_F(ReportPage, KeepsHostileTextsInsideTheData) {
  const std::string hostile = "</script><script>alert(1)</script>{{css}}";
  write_synthetic_run(folder_ / "run", {});
  folder_.write("run/claims.json", claims_named(hostile));
  const std::string html = make_report({folder_ / "run"}, hostile);
  EXPECT_THAT(html, Not(HasSubstr("alert(1)</script>")));
  EXPECT_EQ(data_of(html)["command"], hostile);
  EXPECT_EQ(data_of(html)["runs"][0]["claims"]["claims"][0]["name"], hostile);
}

TEST_F(ReportPage, ShowsClaimsWhereThereAreAnyAndSaysWhenTheyAreOld) {
  write_synthetic_run(folder_ / "run", {});
  EXPECT_TRUE(run_json(folder_ / "run")["claims"].is_null());
  const std::string path = folder_.write("run/claims.json", claims_named("a"));
  EXPECT_EQ(run_json(folder_ / "run")["claims_outdated"], false);
  std::filesystem::last_write_time(
      path, std::filesystem::last_write_time(folder_ / "run/result.h5") - std::chrono::hours(1));
  EXPECT_EQ(run_json(folder_ / "run")["claims_outdated"], true);
  for (const char* bad : {"", "{", "{}", "[1]", "[{\"name\": \"a\"}]",
                          "{\"format\": \"latetime-claims\", \"version\": 2}",
                          "{\"format\": \"latetime-claims\", \"version\": 1, \"claims\": 3}"}) {
    folder_.write("run/claims.json", bad);
    EXPECT_THAT(error_of([&] { run_json(folder_ / "run"); }),
                AllOf(HasSubstr("claims.json"), HasSubstr("latetime check")));
  }
}

TEST_F(ReportPage, ShowsWhatIsProvedAndRefusesWhatIsNoProof) {
  write_synthetic_run(folder_ / "run", {});
  EXPECT_TRUE(run_json(folder_ / "run")["proof"].is_null());
  const nlohmann::json parts = {{"pos", {1.0, 1.5}}, {"neg", nullptr}, {"all", {1.0, 2.0}}};
  const nlohmann::json none = nlohmann::json::array(), one = {1.0, 1.0};
  const nlohmann::json limit = {
      {"norm", one},
      {"normalized_margin", one},
      {"loss_constant", one},
      {"stable_rank", parts},
      {"spectral_norm", parts},
      {"support", {0}},
      {"multipliers", {one}},
      {"margins", {one}},
      {"dead_neurons", 0},
      {"switching",
       {{"neuron", {1}}, {"sample", {0}}, {"slope", {{0.2, 0.3}}}, {"density", {{0.2, 0.3}}}}}};
  nlohmann::json proof = {{"format", "latetime-proof"},
                          {"version", 1},
                          {"source", "run"},
                          {"limit", limit},
                          {"claims", {{{"id", "7.1"}, {"conclusion", "holds"}, {"from_step", 9}}}},
                          {"attempts", none},
                          {"level", "B"},
                          {"of", problem_seal(*RunDirectory::open(folder_ / "run").read_result())},
                          {"proved", true},
                          {"theorem", {"it converges"}},
                          {"run",
                           {{"step", 1000},
                            {"from_start", false},
                            {"start_distance", 0.0},
                            {"radius", 0.5},
                            {"log_straight_from", 8.0},
                            {"offset", 1.0},
                            {"log_settled_from", nullptr},
                            {"tube", {{"log_time", {7.0}}, {"radius", {0.5}}}},
                            {"slope_changes", none},
                            {"enclosures",
                             {{"log_time", {7.0, 9.0}},
                              {"norm", {{1.0, 2.0}, {2.0, 3.0}}},
                              {"log_loss", {{-1.0, -0.5}, nullptr}},
                              {"stable_rank_pos", {{1.0, 2.0}, {1.0, 1.5}}},
                              {"stable_rank_neg", {{1.0, 2.0}, {1.0, 1.5}}},
                              {"stable_rank_all", {{1.0, 2.0}, {1.0, 1.5}}}}}}}};
  const std::string path = folder_.write("run/proof.json", proof.dump());
  const auto shown = run_json(folder_ / "run");
  EXPECT_EQ(shown["proof"]["theorem"][0], "it converges");
  EXPECT_EQ(shown["proof"]["run"]["enclosures"]["log_time"].size(), 2U);
  EXPECT_EQ(shown["proof_outdated"], false);
  std::filesystem::last_write_time(
      path, std::filesystem::last_write_time(folder_ / "run/result.h5") - std::chrono::hours(1));
  EXPECT_EQ(run_json(folder_ / "run")["proof_outdated"], true);
  std::vector<std::string> bad{"", "{", "[]", "{\"format\": \"latetime-proof\", \"version\": 2}"};
  const auto changed = [&](const char* place, const nlohmann::json& value) {
    nlohmann::json other = proof;
    other[nlohmann::json::json_pointer(place)] = value;
    bad.push_back(other.dump());
  };
  changed("/proved", false);  // and no reason
  changed("/theorem", {1, 2});
  changed("/of", "another run");
  changed("/run", nullptr);
  changed("/run/step", "many");
  changed("/run/enclosures/norm", {{1.0, 2.0}});
  changed("/run/enclosures/norm/0", {1.0, "2"});
  changed("/run/enclosures/log_time/0", nullptr);
  changed("/claims/0/conclusion", "perhaps");
  changed("/limit", nullptr);
  for (const auto& [key, value] : proof.items()) {  // none may be missing
    nlohmann::json other = proof;
    other.erase(key);
    bad.push_back(other.dump());
  }
  for (const std::string& text : bad) {
    folder_.write("run/proof.json", text);
    EXPECT_THAT(error_of([&] { run_json(folder_ / "run"); }),
                AllOf(HasSubstr("proof.json"), HasSubstr("latetime prove")))
        << text;
  }
}

TEST_F(ReportPage, ClaimsNestedWithoutEndAreRefused) {
  write_synthetic_run(folder_ / "run", {});
  std::string claims = claims_named("a");
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  claims.insert(claims.find('{') + 1, "\"more\": " + deep + ",");
  folder_.write("run/claims.json", claims);
  EXPECT_THAT(error_of([&] { run_json(folder_ / "run"); }), HasSubstr("claims.json"));
}

TEST_F(ReportPage, CodesWithoutMeaningAreRefused) {
  write_synthetic_run(folder_ / "verdict", {.verdict = [](auto, auto) { return 7; }});
  EXPECT_THAT(error_of([&] { run_json(folder_ / "verdict"); }),
              AllOf(HasSubstr("result.h5"), HasSubstr("/limit/verdicts")));
  write_synthetic_run(folder_ / "switch",
                      {.last_switch = [](auto, auto) { return std::uint64_t{1} << 60; }});
  EXPECT_THAT(error_of([&] { run_json(folder_ / "switch"); }), HasSubstr("last_switch_record"));
}

TEST_F(ReportPage, ShowsEveryPaperFigureThatLiesInAFolder) {
  std::filesystem::create_directory(folder_ / "all");
  folder_.write("all/fig1.csv",
                "slope,epoch,stable_rank_pos_mean,stable_rank_pos_std,stable_rank_neg_mean,"
                "stable_rank_neg_std,stable_rank_all_mean,stable_rank_all_std,loss_mean,loss_std\n"
                "0,1,2,0.1,2,0.1,3,0.1,0.5,0.01\n");
  folder_.write("all/fig1.toml", "# latetime reproduce fig1\n");
  folder_.write("all/fig4.csv",
                "init_std,width,step,epoch,stable_rank_all_mean,stable_rank_all_std,"
                "group_stable_rank_mean,group_stable_rank_std,test_error_mean,test_error_std,"
                "running_loss_mean,running_loss_std\n"
                "1e-05,10,0,0,9,0,9,0,0.9,0,,\n1e-05,50,938,1,2.5,0.5,2.5,0.5,0.1,0.01,0.25,0\n");
  folder_.write("all/fig4.toml", "# latetime reproduce fig4\n");
  const auto data = data_of(make_report({folder_ / "all"}, ""));
  ASSERT_EQ(data["figures"].size(), 2);
  EXPECT_EQ(data["figures"][0]["figure"], "fig1");
  const auto& fig4 = data["figures"][1];
  EXPECT_EQ(fig4["figure"], "fig4");
  EXPECT_EQ(fig4["columns"]["running_loss_mean"], (nlohmann::json{nullptr, 0.25}));
  EXPECT_EQ(fig4["columns"]["width"], (nlohmann::json{10.0, 50.0}));
  EXPECT_EQ(fig4["config"], "# latetime reproduce fig4\n");
  EXPECT_TRUE(fig4["notes"].empty());  // nothing is known of the runs
  folder_.write(
      "all/fig4.toml",
      "figure = \"fig4\"\nimages = \"mnist\"\nn = 6000\ntest_n = 2000\nepochs = 2\nruns = "
      "2\nfirst_seed = 1\nquick = \"2 runs instead of 5\"\n");
  const auto notes = data_of(make_report({folder_ / "all"}, ""))["figures"][1]["notes"];
  ASSERT_EQ(notes.size(), 2);
  EXPECT_THAT(notes[0].get<std::string>(),
              AllOf(HasSubstr("quick look"), HasSubstr("instead of 5")));
  EXPECT_THAT(notes[1].get<std::string>(),
              AllOf(HasSubstr("2 runs (seeds 1 to 2)"),
                    HasSubstr("same 6000 images, drawn with seed 1"), HasSubstr("same 2000")));
  folder_.write("all/fig4.toml", "runs = ");
  EXPECT_THAT(error_of([&] { make_report({folder_ / "all"}, ""); }), HasSubstr("fig4.toml"));
  std::filesystem::remove(folder_ / "all/fig4.toml");
  EXPECT_THAT(error_of([&] { make_report({folder_ / "all"}, ""); }),
              AllOf(HasSubstr("fig4.toml"), HasSubstr("latetime reproduce fig4")));
}

TEST_F(ReportPage, ShowsATrainingByStep) {
  const std::string header =
      "log10_t,step,log_loss,norm_w,min_margin,stable_rank_all,epoch,running_loss,running_error,"
      "train_error,test_loss,test_error,stable_rank_proved_error,group_stable_ranks\n";
  std::filesystem::create_directory(folder_ / "t");
  folder_.write("t/config.toml", "seed = 1\n");
  folder_.write("t/metrics.csv", header);
  EXPECT_THAT(error_of([&] { make_report({folder_ / "t"}, ""); }), HasSubstr("no record yet"));
  folder_.write("t/metrics.csv", header + ",0,0,1,0,9,0,,,0.9,,,1e-6,8 6\n" +
                                     "2,100,-1,2,0.5,3,0.5,0.4,0.2,0.1,,,1e-6,1 2\n");
  const auto data = data_of(make_report({folder_ / "t"}, ""));
  ASSERT_EQ(data["trainings"].size(), 1);
  EXPECT_TRUE(data["runs"].empty());
  const auto& columns = data["trainings"][0]["columns"];
  EXPECT_EQ(columns["group_rank_mean"], (nlohmann::json{7.0, 1.5}));
  EXPECT_EQ(columns["group_rank_max"], (nlohmann::json{8.0, 2.0}));
  EXPECT_EQ(columns["loss"], (nlohmann::json{1.0, 0.367879441}));
  EXPECT_EQ(columns["test_error"], (nlohmann::json{nullptr, nullptr}));
  EXPECT_EQ(data["trainings"][0]["config"], "seed = 1\n");
}

TEST_F(ReportPage, RefusesWhatIsNoRunOrDamaged) {
  EXPECT_THAT(error_of([&] { make_report({folder_ / "none"}, ""); }), HasSubstr("none"));
  write_synthetic_run(folder_ / "run", {});
  const std::string metrics = bytes_of(folder_ / "run/metrics.csv");
  folder_.write("run/metrics.csv", metrics.substr(0, metrics.find('\n') + 1));
  EXPECT_THAT(error_of([&] { make_report({folder_ / "run"}, ""); }), HasSubstr("no record"));
  folder_.write("run/metrics.csv", "log10_t,engine\n,flow\n");
  EXPECT_THAT(error_of([&] { make_report({folder_ / "run"}, ""); }), HasSubstr("step"));
  std::string renamed = metrics;
  renamed.replace(renamed.find(",coefficient,"), 13, ",efficient,");
  folder_.write("run/metrics.csv", renamed);
  EXPECT_THAT(error_of([&] { make_report({folder_ / "run"}, ""); }),
              AllOf(HasSubstr("metrics.csv: column engine"), HasSubstr("\"coefficient\"")));
  folder_.write("run/metrics.csv", metrics);
  const std::string config = bytes_of(folder_ / "run/config.toml");
  folder_.write("run/config.toml", "[network");
  EXPECT_THAT(error_of([&] { make_report({folder_ / "run"}, ""); }), HasSubstr("config.toml"));
  folder_.write("run/config.toml", "descent.method = \"gf\"");
  EXPECT_THAT(error_of([&] { make_report({folder_ / "run"}, ""); }),
              AllOf(HasSubstr("config.toml: descent.method"), HasSubstr("one of gd, sgd, flow")));
  folder_.write("run/config.toml", config);
  std::filesystem::remove(folder_ / "run/result.h5");
  EXPECT_THAT(error_of([&] { make_report({folder_ / "run"}, ""); }), HasSubstr("result.h5"));
}

// m = 1000, n = 100, ten thousand records: every part is thinned or banded.
TEST_F(ReportPage, StaysBelowTenMegabytesForABigRun) {
  write_synthetic_run(
      folder_ / "big",
      {.n = 100,
       .d = 20,
       .width = 1000,
       .records = 10'001,
       .last = 100.0,
       .verdict = [](Eigen::Index k,
                     Eigen::Index i) { return static_cast<std::uint8_t>((k * 7 + i * 3) % 4); },
       .last_switch =
           [](Eigen::Index k, Eigen::Index i) {
             return static_cast<std::uint64_t>((k * 31 + i * 17) % 10'000);
           }});
  const std::string html = make_report({folder_ / "big"}, "latetime report big");
  EXPECT_LT(html.size(), 10'000'000u);
  const auto run = data_of(html)["runs"][0];
  EXPECT_EQ(run["records"]["total"], 10'001);
  EXPECT_LE(run["records"]["shown"], 8000);
  EXPECT_EQ(run["maps"]["rows"].size(), 250u);
  EXPECT_EQ(run["maps"]["columns"].size(), 100u);
}

}  // namespace
}  // namespace latetime
