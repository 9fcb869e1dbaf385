#include "latetime/store/run_schema.hpp"

#include <fstream>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/array_archive.hpp"
#include "latetime/store/record.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::HasSubstr;

constexpr RunSizes sizes{.width = 2, .samples = 3, .dim = 4, .tests = 2};

/// Gives every entry numbers of its own, and notes what there is.
class Filler {
 public:
  explicit Filler(const std::string& path) : path_(path) {}

  void text(const std::string& name, std::string& value) {
    entries.insert(path_ + "/" + name);
    value = "text " + name;
  }
  template <Choice Enum>
  void choice(const std::string& name, Enum& value) {
    entries.insert(path_ + "/" + name);
    value = ChoiceTable<Enum>::words.back().value;
  }
  void array(const std::string& name, Extent, double& value, const EntryRule& = {}) {
    entries.insert(path_ + "/" + name);
    value = static_cast<double>(entries.size());
  }
  template <class T>
  void array(const std::string& name, Extent extent, std::vector<T>& values,
             const EntryRule& rule = {}) {
    entries.insert(path_ + "/" + name);
    values.clear();
    for (std::size_t i = 0; i < count(extent); ++i) {
      const std::uint64_t value = i + entries.size();
      values.push_back(static_cast<T>(std::is_same_v<T, double> ? value
                                      : rule.of_classes         ? value % 2
                                                        : value % (rule.largest % 200 + 1)));
    }
  }
  bool has(const std::string&, bool) const { return true; }

  std::set<std::string> entries;

 private:
  static std::size_t count(Extent extent) {
    switch (extent) {
      case Extent::number:
        return 1;
      case Extent::parts:
        return 3;
      case Extent::samples:
      case Extent::margins:
        return 3;
      case Extent::collapse:
        return 4;
      case Extent::sample_rows:
        return 12;
      case Extent::tests:
        return 2;
      case Extent::test_rows:
        return 8;
      case Extent::features:
        return 4;
      case Extent::weights:
        return 16;
      case Extent::pairs:
        return 12;
      case Extent::list:
        return 5;
    }
    return 0;
  }

  const std::string path_;
};

template <class Group>
Group filled() {
  Group group;
  Group::visit(group, Filler(Group::path));
  return group;
}

template <class Group>
std::set<std::string> entries_of() {
  Group group;
  Filler filler(Group::path);
  Group::visit(group, filler);
  return filler.entries;
}

template <class Group>
ArrayArchive written(const Group& group) {
  ArrayArchive archive;
  write_group(archive, group, sizes);
  return archive;
}

TEST(RunSchema, EveryGroupReadsBackAsItWasWritten) {
  for_each_group([]<class Group>() {
    const ArrayArchive first = written(filled<Group>());
    for (const std::string& name : entries_of<Group>()) EXPECT_TRUE(first.exists(name)) << name;
    const ArrayArchive second = written(read_group<Group>(first, "origin", sizes));
    EXPECT_EQ(second.numeric_datasets(), first.numeric_datasets()) << Group::path;
    for (const std::string& name : first.numeric_datasets()) {
      EXPECT_EQ(second.shape(name), first.shape(name)) << name;
      EXPECT_EQ(second.read_doubles(name), first.read_doubles(name)) << name;
    }
  });
}

std::string formats() {
  std::ifstream file(LATETIME_FORMATS);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(RunSchema, EveryColumnIsDocumented) {
  const std::string text = formats();
  const auto names = [&](const std::string& name) {
    return text.find('`' + name + '`') != std::string::npos;
  };
  for (const std::string& column : metrics_columns(true)) {
    // A row names `stable_rank_pos`, and others by what is different: `_neg`.
    EXPECT_TRUE(names(column) || names(column.substr(column.rfind('_')))) << column;
  }
}

TEST(RunSchema, EveryEntryIsDocumented) {
  const std::string text = formats();
  for_each_group([&]<class Group>() {
    for (const std::string& entry : entries_of<Group>()) {
      // A row of a table names a path, and others of the same group by their last part.
      const std::string last = entry.substr(entry.rfind('/') + 1);
      const bool named = text.find("`" + entry + "`") != std::string::npos ||
                         text.find("`" + last + "`") != std::string::npos;
      EXPECT_TRUE(named) << entry;
    }
  });
}

TEST(RunSchema, RefusesWhatIsMissing) {
  for_each_group([]<class Group>() {
    const ArrayArchive nothing;
    EXPECT_NE(error_of([&] { read_group<Group>(nothing, "origin", sizes); }), "") << Group::path;
  });
}

TEST(RunSchema, RefusesOtherShapes) {
  const ArrayArchive limit = written(filled<StoredLimit>());
  EXPECT_THAT(error_of([&] {
                read_group<StoredLimit>(limit, "a.h5", {.width = 3, .samples = 3, .dim = 4});
              }),
              HasSubstr("a.h5: /limit/coefficients has shape (2, 2, 3) where (2, 3, 3) is needed"));
  StoredEvents events = filled<StoredEvents>();
  events.neurons.pop_back();
  const ArrayArchive uneven = written(events);
  EXPECT_THAT(error_of([&] { read_group<StoredEvents>(uneven, "a.h5", {}); }),
              HasSubstr("/events/neuron has shape (4) where (5) is needed"));
}

TEST(RunSchema, RefusesCodesAndTextsWithoutMeaning) {
  StoredLimit limit = filled<StoredLimit>();
  limit.verdicts[1] = 4;
  EXPECT_THAT(error_of([&] { read_group<StoredLimit>(written(limit), "a.h5", sizes); }),
              HasSubstr("/limit/verdicts has an entry above 3"));
  ArrayArchive renamed;
  renamed.write("/limit/status", "lost");
  EXPECT_THAT(error_of([&] { read_group<StoredLimit>(renamed, "a.h5", sizes); }),
              HasSubstr("/limit/status is \"lost\", which is none of found, not-separated"));
  StoredEvents events = filled<StoredEvents>();
  events.classes[0] = 2;
  EXPECT_THAT(error_of([&] { read_group<StoredEvents>(written(events), "a.h5", {}); }),
              HasSubstr("/events/class has an entry above 1"));
}

TEST(RunSchema, SizesAreThoseOfSamplesAndWeights) {
  const ArrayArchive file = written(filled<RunBeginning>());
  const RunSizes read = read_sizes(file, "a.h5");
  EXPECT_EQ(read.width, sizes.width);
  EXPECT_EQ(read.samples, sizes.samples);
  EXPECT_EQ(read.dim, sizes.dim);
  ArrayArchive other;
  const std::vector<double> x(6), weights(16);
  other.write("/data/x", {3, 2}, std::span<const double>(x));
  other.write("/network/initial_weights", {2, 2, 4}, std::span<const double>(weights));
  EXPECT_THAT(error_of([&] { read_sizes(other, "a.h5"); }),
              HasSubstr("shapes (3, 2) and (2, 2, 4), which do not fit together"));
}

TEST(RunSchema, WhatIsNotThereIsLeftOut) {
  FinalState state = filled<FinalState>();
  state.last_switch_record.clear();
  const ArrayArchive file = written(state);
  EXPECT_FALSE(file.exists("/final/last_switch_record"));
  EXPECT_TRUE(read_group<FinalState>(file, "a.h5", sizes).last_switch_record.empty());
}

}  // namespace
}  // namespace latetime
