// Every row of the table "Files, one by one" of docs/formats.md is a case here, under the same
// name.

#include "latetime/data/sample_file.hpp"

#include <cstring>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hdf5.h>
#include <zip.h>

#include "latetime/base/hdf5_file.hpp"
#include "latetime/data/array_file.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using Options = SampleFileOptions;
using Folder = TemporaryFolder;

template <class T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::string npy(const std::string& descr, const std::string& shape, const std::string& data) {
  const std::string header =
      "{'descr': " + descr + ", 'fortran_order': False, 'shape': " + shape + ", }\n";
  return std::string("\x93NUMPY\1\0", 8) + static_cast<char>(header.size()) + '\0' + header + data;
}

template <class T>
std::string npy_vector(const std::string& descr, const std::vector<T>& values) {
  return npy(descr, "(" + std::to_string(values.size()) + ",)", raw(values));
}

using Longs = std::vector<std::int64_t>;
using Doubles = std::vector<double>;

/// The archive that scipy.sparse.save_npz writes.
std::string sparse_npz(const Folder& folder, const std::string& format, const Longs& shape,
                       std::vector<std::pair<std::string, std::string>> parts) {
  parts.emplace_back("format", npy("'|S3'", "()", format));
  parts.emplace_back("shape", npy_vector("'<i8'", shape));
  const std::string path = folder.file("X.npz");
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  for (const auto& [name, bytes] : parts) {
    zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
    EXPECT_GE(zip_file_add(archive, (name + ".npy").c_str(), source, 0), 0);
  }
  EXPECT_EQ(zip_close(archive), 0);
  return path;
}

std::string compressed_npz(const Folder& folder, const std::string& format, const Longs& indptr,
                           const Longs& indices, const Doubles& data) {
  return sparse_npz(folder, format, {2, 3},
                    {{"indptr", npy_vector("'<i8'", indptr)},
                     {"indices", npy_vector("'<i8'", indices)},
                     {"data", npy_vector("'<f8'", data)}});
}

std::string plus_minus(const Folder& folder) {
  return folder.write("y.csv", "1\n-1\n");
}

/// Samples in the file `name`, labels 1 and −1 in another.
Options samples(const Folder& folder, const std::string& name, const std::string& bytes) {
  return {.x = folder.write(name, bytes), .y = plus_minus(folder)};
}

/// Samples 1 2 3 and 4 5 6; the labels in the file `name`.
Options labels(const Folder& folder, const std::string& name, const std::string& bytes,
               const std::string& positive = "") {
  return {.x = folder.write("X.csv", "1,2,3\n4,5,6\n"),
          .y = folder.write(name, bytes),
          .positive = positive};
}

Options with(Options options, const std::function<void(Options&)>& change) {
  change(options);
  return options;
}

/// Labels and samples in one text file.
Options labelled_csv(const Folder& folder, const std::string& bytes, const std::string& column,
                     const std::string& positive = "") {
  return {.x = folder.write("X.csv", bytes), .positive = positive, .label_column = column};
}

Options libsvm(const Folder& folder, const std::string& bytes, std::size_t features = 0) {
  return {.x = folder.write("X.svm", bytes), .features = features};
}

/// The transposed samples, as MATLAB writes them, behind `user_block` bytes.
std::string transposed_hdf5(const Folder& folder, const std::string& name, hsize_t user_block) {
  const std::string path = folder.file(name);
  const hid_t creation = H5Pcreate(H5P_FILE_CREATE);
  H5Pset_userblock(creation, user_block);
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, H5P_DEFAULT);
  const hsize_t sizes[] = {3, 2};
  const double values[] = {1, 4, 2, 5, 3, 6};
  const hid_t space = H5Screate_simple(2, sizes, nullptr);
  const hid_t x =
      H5Dcreate2(file, "X", H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(x, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(x);
  H5Sclose(space);
  H5Fclose(file);
  H5Pclose(creation);
  return path;
}

/// Booleans true, false as h5py writes them.
std::string boolean_hdf5(const Folder& folder) {
  const std::string path = folder.file("y.h5");
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hid_t type = H5Tenum_create(H5T_STD_I8LE);
  const std::int8_t no = 0, yes = 1, values[] = {1, 0};
  H5Tenum_insert(type, "FALSE", &no);
  H5Tenum_insert(type, "TRUE", &yes);
  const hsize_t sizes[] = {2};
  const hid_t space = H5Screate_simple(1, sizes, nullptr);
  const hid_t y = H5Dcreate2(file, "y", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(y, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(y);
  H5Sclose(space);
  H5Tclose(type);
  H5Fclose(file);
  return path;
}

/// The words "cat", "dog".
std::string text_hdf5(const Folder& folder) {
  Hdf5Writer writer(folder.file("y.h5"));
  writer.write("/kind", std::vector<std::string>{"cat", "dog"});
  writer.close();
  return folder.file("y.h5");
}

std::string utf16(const std::string& ascii, bool mark) {
  std::string bytes = mark ? "\xff\xfe" : "";
  for (const char c : ascii) bytes += {c, '\0'};
  return bytes;
}

std::string text_npy(const std::vector<std::string>& words, bool wide) {
  constexpr std::size_t length = 4;
  std::string data;
  for (std::string word : words) {
    word.resize(length, '\0');
    for (const char c : word) data += wide ? std::string{c, '\0', '\0', '\0'} : std::string{c};
  }
  return npy(wide ? "'<U4'" : "'|S4'", "(" + std::to_string(words.size()) + ",)", data);
}

struct FileCase {
  std::string row;  ///< of the table
  std::function<Options(const Folder&)> files;
  std::string refusal;  ///< part of the message; empty: read
  std::vector<double> x = {1, 2, 3, 4, 5, 6};
  std::vector<int> y = {1, -1};
};

void PrintTo(const FileCase& file_case, std::ostream* out) {
  *out << file_case.row;
}

const std::string matrix = "1,2,3\n4,5,6\n";

// clang-format off
std::vector<FileCase> npy_cases() {
  const Doubles six{1, 2, 3, 4, 5, 6};
  return {
    {"NPY, float16", [](const Folder& f) { return samples(f, "X.npy", npy("'<f2'", "(2, 3)", raw<std::uint16_t>({0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600}))); }, ""},
    {"NPY, bool samples", [](const Folder& f) { return samples(f, "X.npy", npy("'|b1'", "(2, 2)", std::string("\1\0\0\1", 4))); }, "", {1, 0, 0, 1}},
    {"NPY, bfloat16 (dtype V2)", [](const Folder& f) { return samples(f, "X.npy", npy("'<V2'", "(2, 3)", std::string(12, '\1'))); }, "most likely bfloat16; save X.astype(numpy.float32)"},
    {"NPY, complex", [=](const Folder& f) { return samples(f, "X.npy", npy("'<c16'", "(3, 1)", raw(six))); }, "numpy.hstack([X.real, X.imag])"},
    {"NPY, Python objects", [](const Folder& f) { return samples(f, "X.npy", npy("'|O'", "(2, 3)", "pickle")); }, "y.astype(str)"},
    {"NPY, structured", [=](const Folder& f) { return samples(f, "X.npy", npy("[('a', '<f8'), ('b', '<f8')]", "(3,)", raw(six))); }, "structured_to_unstructured(X)"},
    {"NPY, words as samples", [](const Folder& f) { return samples(f, "X.npy", text_npy({"1", "2"}, true)); }, "texts; save numbers"},
    {"NPZ, SciPy sparse csr", [](const Folder& f) { return Options{.x = compressed_npz(f, "csr", {0, 2, 3}, {0, 2, 1}, {1, 3, 5}), .y = plus_minus(f)}; }, "", {1, 0, 3, 0, 5, 0}},
    {"NPZ, SciPy sparse csc", [](const Folder& f) { return Options{.x = compressed_npz(f, "csc", {0, 1, 2, 3}, {0, 1, 0}, {1, 5, 3}), .y = plus_minus(f)}; }, "", {1, 0, 3, 0, 5, 0}},
    {"NPZ, SciPy sparse bsr", [](const Folder& f) { return Options{.x = sparse_npz(f, "bsr", {2, 4}, {{"indptr", npy_vector("'<i4'", std::vector<std::int32_t>{0, 1})}, {"indices", npy_vector("'<i4'", std::vector<std::int32_t>{1})}, {"data", npy("'<f8'", "(1, 2, 2)", raw<double>({1, 2, 3, 4}))}}), .y = plus_minus(f)}; }, "", {0, 0, 1, 2, 0, 0, 3, 4}},
    {"NPZ, SciPy sparse coo", [](const Folder& f) { return Options{.x = sparse_npz(f, "coo", {2, 2}, {{"row", npy_vector("'<i8'", Longs{1, 0, 1})}, {"col", npy_vector("'<i8'", Longs{1, 0, 1})}, {"data", npy_vector("'<f8'", Doubles{2, 7, 3})}}), .y = plus_minus(f)}; }, "", {7, 0, 0, 5}},
    {"NPZ, SciPy sparse dia", [](const Folder& f) { return Options{.x = sparse_npz(f, "dia", {2, 2}, {{"offsets", npy_vector("'<i8'", Longs{0})}, {"data", npy("'<f8'", "(1, 2)", raw<double>({1, 2}))}}), .y = plus_minus(f)}; }, "X.tocsr()"},
    {"NPZ, SciPy sparse, larger than memory", [](const Folder& f) { return Options{.x = sparse_npz(f, "csr", {1000000000, 1000000000}, {{"data", npy_vector("'<f8'", Doubles{1})}}), .y = plus_minus(f)}; }, "choose fewer samples or features"},
  };
}

std::vector<FileCase> hdf5_cases() {
  return {
    {"HDF5, transposed", [](const Folder& f) { return Options{.x = transposed_hdf5(f, "X.h5", 0), .y = plus_minus(f)}; }, "set data.transpose = true"},
    {"HDF5, transposed, with data.transpose", [](const Folder& f) { return Options{.x = transposed_hdf5(f, "X.h5", 0) + ":/X", .y = plus_minus(f), .transpose = true}; }, ""},
    {"MATLAB 7.3", [](const Folder& f) { return Options{.x = transposed_hdf5(f, "X.mat", 512) + ":/X", .y = plus_minus(f), .transpose = true}; }, ""},
    {"MATLAB 5", [](const Folder& f) { return samples(f, "X.mat", "MATLAB 5.0 MAT-file, Platform: GLNXA64" + std::string(200, ' ')); }, "'-v7.3'), or in Python with numpy.save("},
    {"Parquet, Excel, pickles, PyTorch, JSON", [](const Folder& f) { return samples(f, "X.parquet", "PAR1"); }, "numpy.save(\"X.npy\", pandas.read_parquet(FILE))"},
    {"Compressed tables", [](const Folder& f) { return samples(f, "X.csv.gz", "\x1f\x8b"); }, "is compressed; unpack it"},
    {"Other kinds of files", [](const Folder& f) { return samples(f, "X.dat", "PAR1"); }, "unknown kind of file"},
  };
}

std::vector<FileCase> libsvm_cases() {
  const std::string text = "+1 1:1 2:2 3:3\n-1 1:4 2:5 3:6\n";
  return {
    {"LIBSVM, x and y of one file", [=](const Folder& f) { return libsvm(f, text); }, ""},
    {"LIBSVM, without an extension", [=](const Folder& f) { return Options{.x = f.write("a9a", text)}; }, ""},
    {"LIBSVM, with data.d", [](const Folder& f) { return libsvm(f, "1 1:1\n-1\n", 3); }, "", {1, 0, 0, 0, 0, 0}},
    {"LIBSVM, index above data.d", [=](const Folder& f) { return libsvm(f, text, 2); }, "set data.d = 3"},
    {"LIBSVM, from index 0", [](const Folder& f) { return libsvm(f, "1 0:1 2:3\n-1 1:5\n"); }, "", {1, 0, 3, 0, 5, 0}},
    {"LIBSVM, comments and qid", [](const Folder& f) { return libsvm(f, "# two\n1 qid:7 1:1 # one\n\n-1 qid:7 2:5\n"); }, "", {1, 0, 0, 5}},
    {"LIBSVM, indices out of order", [](const Folder& f) { return libsvm(f, "1 1:1\n-1 2:5 2:6\n"); }, "line 2: index 2 stands after 2"},
    {"LIBSVM, larger than memory", [](const Folder& f) { return libsvm(f, "1 9000000000000:1\n-1 1:1\n"); }, "choose fewer samples or features"},
  };
}

std::vector<FileCase> csv_cases() {
  return {
    {"CSV, header of words", [](const Folder& f) { return samples(f, "X.csv", "a,b,c\n" + matrix); }, ""},
    {"CSV, header of pixels (1x1)", [](const Folder& f) { return samples(f, "X.csv", "1x1,1x2,1x3\n" + matrix); }, ""},
    {"CSV, header that counts from 0", [](const Folder& f) { return samples(f, "X.csv", "0,1,2\n" + matrix); }, "put # before it"},
    {"CSV, header of another length", [](const Folder& f) { return samples(f, "X.csv", "a,b\n" + matrix); }, "the header has 2 names, the first row of numbers 3"},
    {"CSV, index column of pandas", [](const Folder& f) { return samples(f, "X.csv", ",a,b\n0,1,2\n1,4,5\n"); }, "index=False"},
    {"CSV, first row NA", [](const Folder& f) { return samples(f, "X.csv", "NA\n1\n2\n"); }, "line 1, column 1: 'NA' is not a number (a missing value?)"},
    {"CSV, first row with U+2212", [](const Folder& f) { return samples(f, "X.csv", "\xe2\x88\x92" "1\n1\n2\n"); }, "U+2212); write -1"},
    {"CSV, decimal commas", [](const Folder& f) { return samples(f, "X.csv", "1,5;2,5\n3,5;4,5\n"); }, "'1,5' is not a number (decimal commas?); write decimal points"},
    {"CSV, true and false", [](const Folder& f) { return samples(f, "X.csv", "True,False\nfalse,TRUE\n"); }, "", {1, 0, 0, 1}},
    {"CSV, quoted fields", [](const Folder& f) { return samples(f, "X.csv", "\"a, b\",\"c\",\"d\"\n\"1\",2,\"3\"\n4,\"5\",6\n"); }, ""},
    {"CSV, sep=; of Excel", [](const Folder& f) { return samples(f, "X.csv", "sep=;\r\n1;2;3\r\n4;5;6\r\n"); }, ""},
    {"CSV, #N/A of Excel", [](const Folder& f) { return samples(f, "X.csv", "1,2\n#N/A,3\n4,5\n"); }, "line 2: '#N/A,3' is an error of Excel"},
    {"CSV, UTF-8 with a mark", [](const Folder& f) { return samples(f, "X.csv", "\xef\xbb\xbf" + matrix); }, ""},
    {"CSV, UTF-16 with a mark", [](const Folder& f) { return samples(f, "X.csv", utf16(matrix, true)); }, ""},
    {"CSV, UTF-16 without a mark", [](const Folder& f) { return samples(f, "X.csv", utf16(matrix, false)); }, "save it as UTF-8 text"},
    {"CSV, label column by name", [](const Folder& f) { return labelled_csv(f, "label,1x1,1x2,1x3\n1,1,2,3\n-1,4,5,6\n", "label"); }, ""},
    {"CSV, label column by number", [](const Folder& f) { return labelled_csv(f, "1,2,3,1\n4,5,6,-1\n", "-1"); }, ""},
    {"CSV, label column of words", [](const Folder& f) { return labelled_csv(f, "a;species;b;c\n1;cat;2;3\n4;dog;5;6\n", "species", "cat"); }, ""},
    {"CSV, label column not named", [](const Folder& f) { return labelled_csv(f, "label,a,b\n1,1,2\n-1,4,5\n", ""); }, "set data.label_column = \"label\""},
    {"CSV, label column beside data.y", [](const Folder& f) { return samples(f, "X.csv", "label,a,b\n1,1,2\n-1,4,5\n"); }, "column 1 is named \"label\"; leave out data.y"},
    {"CSV, no such label column", [](const Folder& f) { return labelled_csv(f, "class,a\n1,1\n-1,4\n", "label"); }, "choose one of its names (class, a)"},
  };
}

std::vector<FileCase> label_cases() {
  return {
    {"Labels 0 and 1", [](const Folder& f) { return labels(f, "y.csv", "1\n0\n"); }, "label 1 is 0; the labels are 1 and 0, and must be +1 and -1; set data.positive = \"1\""},
    {"Labels 0 and 1, with data.positive", [](const Folder& f) { return labels(f, "y.csv", "1\n0\n", "1"); }, ""},
    {"Labels 1 and 2, with data.positive", [](const Folder& f) { return labels(f, "y.csv", "2\n1\n", "2"); }, ""},
    {"Labels, uint8, with data.positive", [](const Folder& f) { return labels(f, "y.npy", npy("'|u1'", "(2,)", std::string("\1\0", 2)), "1"); }, ""},
    {"Labels, NPY bool, with data.positive", [](const Folder& f) { return labels(f, "y.npy", npy("'|b1'", "(2,)", std::string("\1\0", 2)), "True"); }, ""},
    {"Labels, HDF5 bool, with data.positive", [](const Folder& f) { return with(labels(f, "unused.csv", "", "true"), [&](Options& o) { o.y = boolean_hdf5(f); }); }, ""},
    {"Labels, CSV true and false, with data.positive", [](const Folder& f) { return labels(f, "y.csv", "TRUE\nFALSE\n", "true"); }, ""},
    {"Labels, words in CSV, with data.positive", [](const Folder& f) { return labels(f, "y.csv", "cat\ndog\n", "cat"); }, ""},
    {"Labels, words in NPY (U and S), with data.positive", [](const Folder& f) { return labels(f, "y.npy", text_npy({"cat", "dog"}, true), "cat"); }, ""},
    {"Labels, words in HDF5, with data.positive", [](const Folder& f) { return with(labels(f, "unused.csv", "", "cat"), [&](Options& o) { o.y = text_hdf5(f); }); }, ""},
    {"Labels, words in LIBSVM, with data.positive", [](const Folder& f) { return with(libsvm(f, "cat 1:1 2:2 3:3\ndog 1:4 2:5 3:6\n"), [](Options& o) { o.positive = "cat"; }); }, ""},
    {"Labels, words without data.positive", [](const Folder& f) { return labels(f, "y.csv", "cat\ndog\n"); }, "label 0 is cat; the labels are cat and dog, and must be +1 and -1; set data.positive = \"dog\""},
    {"Labels of ten values", [](const Folder& f) { return Options{.x = f.write("X.csv", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n"), .y = f.write("y.csv", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n"), .positive = "1"}; }, "the labels have 10 values (0, 1, 2, 3, 4, 5, ...)"},
    {"Labels, a missing one", [](const Folder& f) { return labels(f, "y.csv", "1\nnan\n"); }, "label 1 is nan, a missing value"},
    {"Labels, none is data.positive", [](const Folder& f) { return labels(f, "y.csv", "1\n0\n", "2"); }, "is \"2\"; choose \"1\" or \"0\""},
    {"Labels, a header of words", [](const Folder& f) { return labels(f, "y.csv", "species\ncat\ndog\n", "cat"); }, ""},
    {"Labels, a header 0 of pandas", [](const Folder& f) { return labels(f, "y.csv", "0\n1\n-1\n"); }, "put # before it"},
  };
}
// clang-format on

std::vector<FileCase> file_cases() {
  std::vector<FileCase> cases;
  for (const auto& part : {npy_cases(), hdf5_cases(), libsvm_cases(), csv_cases(), label_cases()}) {
    cases.insert(cases.end(), part.begin(), part.end());
  }
  return cases;
}

class FileTable : public testing::TestWithParam<FileCase> {};

TEST_P(FileTable, SaysWhatHappens) {
  const FileCase& row = GetParam();
  const Folder folder;
  const Options options = row.files(folder);
  if (!row.refusal.empty()) {
    EXPECT_THAT(error_of([&] { load_sample_files(options); }), testing::HasSubstr(row.refusal));
    return;
  }
  const Dataset data = load_sample_files(options);
  EXPECT_EQ(std::vector<double>(data.x.data(), data.x.data() + data.x.size()), row.x);
  ASSERT_EQ(static_cast<std::size_t>(data.size()), row.y.size());
  for (Eigen::Index i = 0; i < data.size(); ++i) {
    EXPECT_EQ(data.label(i), row.y[static_cast<std::size_t>(i)]) << i;
  }
}

std::string test_name(const testing::TestParamInfo<FileCase>& info) {
  std::string name;
  bool upper = true;
  for (const char c : info.param.row) {
    const bool is_word = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (is_word) name += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = !is_word;
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Rows, FileTable, testing::ValuesIn(file_cases()), test_name);

/// First column of the table under `heading`.
std::vector<std::string> rows_of_table(const std::string& text, const std::string& heading) {
  std::vector<std::string> rows;
  std::size_t at = text.find("\n| what | what happens |", text.find(heading));
  if (at == std::string::npos) return rows;
  at = text.find('\n', text.find('\n', at + 1) + 1);  // after the line of dashes
  while (text.substr(at, 3) == "\n| ") {
    rows.push_back(text.substr(at + 3, text.find(" |", at + 3) - at - 3));
    at = text.find('\n', at + 1);
  }
  return rows;
}

TEST(FilesOneByOne, HasACaseForEveryRowOfTheDocumentation) {
  const auto rows = rows_of_table(bytes_of(LATETIME_FORMATS), "### Files, one by one");
  std::set<std::string> cases;
  for (const auto& row : file_cases()) EXPECT_TRUE(cases.insert(row.row).second) << row.row;
  EXPECT_EQ(std::set<std::string>(rows.begin(), rows.end()), cases);
  EXPECT_EQ(rows.size(), cases.size());
}

TEST(Labels, AreReadAsBytesOrUnicode) {
  const Folder folder;
  for (const bool wide : {true, false}) {
    const Labels read = read_labels(folder.write("y.npy", text_npy({"a", "b", "a"}, wide)), "", 3);
    EXPECT_THAT(read.names(), testing::ElementsAre("a", "b"));
    EXPECT_THAT(read.which(), testing::ElementsAre(0, 1, 0));
  }
}

TEST(Labels, AreTheSameHoweverANumberIsWritten) {
  Labels labels;
  for (const char* text : {"1", "+1.0", "True", "0", "false", "-0.0"}) {
    labels.add(std::string_view(text));
  }
  EXPECT_THAT(labels.names(), testing::ElementsAre("1", "0"));
  EXPECT_THAT(two_classes(labels, "TRUE", "y"), testing::ElementsAre(0, 0, 0, 1, 1, 1));
}

TEST(Labels, TheMendThatIsNamedWorks) {
  for (const char* text : {"0\n1\n", "cat\ndog\n", "False\nTrue\n", "1.5\n-2\n", "0\n0\n"}) {
    const Folder folder;
    Options options = labels(folder, "y.csv", text);
    const std::string message = error_of([&] { load_sample_files(options); });
    const std::string key = "data.positive = \"";
    const std::size_t start = message.find(key) + key.size();
    options.positive = message.substr(start, message.find('"', start) - start);
    EXPECT_EQ(load_sample_files(options).size(), 2) << message;
  }
}

TEST(Labels, MayStandInATableOfOtherThings) {
  const Folder folder;
  Options options = labels(folder, "y.csv", "id,when,label\na1,monday,1\na2,tuesday,-1\n");
  EXPECT_THAT(error_of([&] { load_sample_files(options); }),
              testing::HasSubstr("set data.label_column to the column of the labels"));
  for (const char* column : {"label", "3", "-1"}) {
    options.label_column = column;
    EXPECT_EQ(load_sample_files(options).label(1), -1);
  }
}

TEST(Labels, WithoutColumnsRefuseTheNameOfOne) {
  for (const char* column : {"3", "label"}) {
    const Folder folder;
    const auto expect_refused = [&](Options options) {
      options.label_column = column;
      const std::string refusal = error_of([&] { load_sample_files(options); });
      EXPECT_THAT(refusal, testing::StartsWith("data.label_column: "));
      EXPECT_THAT(refusal, testing::EndsWith("leave it out"));
      options.label_column.clear();
      EXPECT_EQ(load_sample_files(options).size(), 2);
    };
    expect_refused(labels(folder, "y.npy", npy_vector("'<f8'", Doubles{1, -1})));
    expect_refused(labels(folder, "y.npy", text_npy({"1", "-1"}, true)));
    expect_refused(labels(folder, "y.svm", "1 1:1\n-1 1:2\n"));
    Options hdf5 = labels(folder, "unused.csv", "", "cat");
    hdf5.y = text_hdf5(folder);
    expect_refused(hdf5);
  }
}

TEST(Refusals, DoNotProposeWhatIsSet) {
  const Folder folder;
  const std::string table = folder.write("lab.csv", "label,a,b\n1,1,2\n-1,4,5\n");
  Options options{.x = table,
                  .y = folder.write("y.npy", npy_vector("'<f8'", Doubles{1, -1})),
                  .label_column = "label"};
  const auto refusal = [&] { return error_of([&] { load_sample_files(options); }); };
  EXPECT_THAT(refusal(), testing::EndsWith("leave out data.y, or write the samples alone, without "
                                           "data.label_column"));
  options.y.clear();  // the mend
  EXPECT_EQ(load_sample_files(options).dim(), 2);

  options = samples(folder, "X.csv", "1,2,3\n4,5,6\n");
  options.transpose = true;
  EXPECT_THAT(refusal(), testing::EndsWith("2 labels for the 3 columns of " + options.x +
                                           ", each a sample by data.transpose = true; as it has 2 "
                                           "rows, leave out data.transpose"));
  options.transpose = false;  // the mend
  EXPECT_EQ(load_sample_files(options).dim(), 3);
  options.transpose = true;
  options.y = folder.write("five.csv", "1\n-1\n1\n-1\n1\n");
  EXPECT_THAT(refusal(), testing::EndsWith("give one a column"));
}

TEST(Refusals, ShowCharactersAsTheyAreAndBlanksByTheirBytes) {
  const Folder folder;
  const std::pair<std::string, std::string> fields[] = {
      {"\xe2\x88\x92"
       "1",
       "'\xe2\x88\x92"
       "1'"},                                // U+2212
      {"3\xe2\x82\xac", "'3\xe2\x82\xac'"},  // euros
      {"\xc2\xa0"
       "1",
       "'\\xc2\\xa01'"},                        // no-break space
      {"1\xe2\x80\x8b", "'1\\xe2\\x80\\x8b'"},  // zero width
      {"1\xff", "'1\\xff'"}};                   // no UTF-8
  for (const auto& [field, shown] : fields) {
    const Options options = samples(folder, "X.csv", "1,2\n" + field + ",2\n");
    EXPECT_THAT(error_of([&] { load_sample_files(options); }), testing::HasSubstr(shown));
  }
}

}  // namespace
}  // namespace latetime
