// Figures 2 to 5 as a user makes them, on small images.

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program.hpp"
#include "data/tiny_images.hpp"

namespace latetime {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

std::ptrdiff_t lines_of(const std::string& path) {
  const std::string text = bytes_of(path);
  return std::count(text.begin(), text.end(), '\n');
}

TEST(ReproduceImages, SlowWritesItsFiles) {
  const TemporaryFolder images, folder;
  write_tiny_images(images, 6000, 2000, 2, 2);
  const std::string command =
      "reproduce fig4 --quick --folder " + images.path() + " --out " + folder / "f";
  const Output output = call(command);
  EXPECT_EQ(output.code, 0) << output.err;
  EXPECT_EQ(output.err, "");
  EXPECT_THAT(output.out, AllOf(HasSubstr("quick look"), HasSubstr("fig4.svg"), HasSubstr("width"),
                                HasSubstr("1000")));
  // An epoch is 94 steps: records at 0, thirteen within the first epoch (as many whole numbers
  // round a power of √2), and two ends of epochs.
  const std::ptrdiff_t records = 1 + 13 + 2;
  EXPECT_EQ(lines_of(folder / "f/fig4.csv"), 1 + 5 * records);
  EXPECT_EQ(lines_of(folder / "f/fig4_runs.csv"), 1 + 5 * 2 * records);
  EXPECT_THAT(bytes_of(folder / "f/fig4.svg"), HasSubstr("</svg>"));
  const std::string csv = bytes_of(folder / "f/fig4.csv");
  const Output again = call(command + " --quiet --threads 1");
  EXPECT_EQ(again.code, 0);
  EXPECT_EQ(again.out + again.err, "");
  EXPECT_EQ(bytes_of(folder / "f/fig4.csv"), csv);
  expect_refusal(command + " --reading groups", "f/fig4_runs");
  EXPECT_EQ(bytes_of(folder / "f/fig4.csv"), csv);
  // A table that was cut is not taken for a run.
  const std::string run = "f/fig4_runs/std_1e-05_width_10_seed_1.csv";
  const std::string whole = bytes_of(folder / run);
  folder.write(run, whole.substr(0, whole.size() / 2));
  expect_refusal(command, "seed_1.csv");
  EXPECT_EQ(bytes_of(folder / "f/fig4.csv"), csv);
  fs::remove(folder / run);
  EXPECT_EQ(call(command + " --quiet").code, 0);
  EXPECT_EQ(bytes_of(folder / "f/fig4.csv"), csv);
  EXPECT_EQ(bytes_of(folder / run), whole);
}

TEST(ReproduceImages, RefusesBadUseInOneLine) {
  const TemporaryFolder images, folder;
  write_tiny_images(images, 40, 20, 2, 2);
  const std::string command = "reproduce fig4 --folder " + images.path() + " --out ";
  expect_refusal(command + folder / "a --reading letters", "letters");
  expect_refusal(command + folder / "a --output-scale 2", "--output-scale");
  expect_refusal(command + folder / "a --pixels bytes", "bytes");
  expect_refusal(command + folder / "a --images cifar", "cifar");
  expect_refusal("reproduce fig1 --reading groups --out " + folder / "a", "fig2 to fig5");
  EXPECT_FALSE(fs::exists(folder / "a"));
  EXPECT_EQ(call("run -q --set descent.until=5 --out " + folder / "run").code, 0);
  for (const char* figure : {"fig1", "fig4"}) {
    expect_refusal("reproduce " + std::string(figure) + " --quick --folder " + images.path() +
                       " --out " + folder / "run",
                   figure == std::string("fig1") ? "fig2 to fig5" : "holds a run");
  }
  expect_refusal(command + folder / "a --quick", "40 images available");
  expect_refusal(command + "/proc/latetime", "/proc/latetime");
  expect_refusal(command + folder.write("file", "x"), folder / "file");
  expect_refusal("reproduce fig4 --folder " + folder / "none" + " --out " + folder / "a",
                 folder / "none/train-images-idx3-ubyte");
}

TEST(ReproduceImages, NamesADamagedFile) {
  const std::string labels = "t10k-labels-idx1-ubyte", pixels = "train-images-idx3-ubyte";
  const auto expect_named = [](const std::string& name, const auto& damage) {
    const TemporaryFolder images, folder;
    write_tiny_images(images, 40, 20, 2, 2);
    const std::string bytes = bytes_of(images / name);
    fs::remove(images / name);
    const std::string damaged = damage(images, bytes);
    expect_refusal("reproduce fig5 --folder " + images.path() + " --out " + folder / "a", damaged);
    EXPECT_FALSE(fs::exists(folder / "a/fig5.csv"));
  };
  for (const std::string& name : {labels, pixels}) {
    expect_named(name, [&](const TemporaryFolder& images, const std::string& bytes) {
      return images.write(name, bytes.substr(0, bytes.size() - 3));
    });
    expect_named(name, [&](const TemporaryFolder& images, const std::string& bytes) {
      return images.write(name, bytes.substr(0, 6));  // within the header
    });
    expect_named(name, [&](const TemporaryFolder& images, std::string bytes) {
      bytes[2] = 9;  // another magic number
      return images.write(name, bytes);
    });
    expect_named(name, [&](const TemporaryFolder& images, const std::string& bytes) {
      return images.write(name + ".gz", "<!doctype html>" + bytes);  // neither gzip nor IDX
    });
    expect_named(name, [&](const TemporaryFolder& images, const std::string& bytes) {
      const std::string packed = gzip_bytes(bytes);
      return images.write(name + ".gz", packed.substr(0, packed.size() / 2));
    });
    expect_named(name, [&](const TemporaryFolder& images, const std::string& bytes) {
      return images.write(name, "") + (bytes.empty() ? "?" : "");
    });
  }
  expect_named(labels, [&](const TemporaryFolder& images, const std::string&) {
    return images.write(labels, idx_bytes(0x801, {2}, {1, 2}));  // 2 labels for 20 images
  });
}

TEST(ReproduceImages, SlowInterruptedInTheMiddleGoesOnWhenItIsCalledAgain) {
  const TemporaryFolder images, folder;
  write_tiny_images(images, 640, 100, 2, 2);
  const std::string rest = " --quiet --folder " + images.path() + " --out ";
  const auto finished = [&] {
    const std::string runs = folder / "parts/fig4_runs";
    std::size_t count = 0;
    if (fs::exists(runs)) {
      for (const auto& entry : fs::directory_iterator(runs)) {
        count += entry.path().extension() == ".csv";
      }
    }
    return count;
  };
  const int status = start_and_stop(
      {"reproduce", "fig4", "--threads", "1", "--folder", images.path(), "--out", folder / "parts"},
      [&] { return finished() >= 2; }, SIGINT);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_GE(finished(), 2u);
  EXPECT_LT(finished(), 25u);
  EXPECT_FALSE(fs::exists(folder / "parts/fig4.csv"));
  const std::string pixels = bytes_of(images / "train-images-idx3-ubyte");
  std::string other = pixels;
  other[pixels.size() / 2] ^= 64;
  images.write("train-images-idx3-ubyte", other);
  expect_refusal("reproduce fig4" + rest + folder / "parts", "was begun with other images");
  images.write("train-images-idx3-ubyte", pixels);
  EXPECT_EQ(call("reproduce fig4" + rest + folder / "parts").code, 0);
  EXPECT_EQ(finished(), 25u);
  EXPECT_EQ(call("reproduce fig4" + rest + folder / "whole").code, 0);
  EXPECT_EQ(bytes_of(folder / "parts/fig4_runs.csv"), bytes_of(folder / "whole/fig4_runs.csv"));
}

}  // namespace
}  // namespace latetime
