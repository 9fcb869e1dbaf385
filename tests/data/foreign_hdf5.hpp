#pragma once

#include <string>
#include <vector>

#include <hdf5.h>

namespace latetime {

/// An HDF5 file as h5py writes it by default: oldest format (without checksums), a big-endian
/// float32 array, a deflated int16 array in chunks, texts of variable length. Arrays: 0 … 5, (2,
/// 3).
inline void write_foreign_hdf5(const std::string& path) {
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t sizes[] = {2, 3}, chunk[] = {1, 2}, three[] = {3};
  const hid_t space = H5Screate_simple(2, sizes, nullptr);
  const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(properties, 2, chunk);
  H5Pset_deflate(properties, 6);
  const int values[] = {0, 1, 2, 3, 4, 5};
  const hid_t floats =
      H5Dcreate2(file, "float32_big", H5T_IEEE_F32BE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(floats, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  const hid_t shorts =
      H5Dcreate2(file, "int16_chunked", H5T_STD_I16LE, space, H5P_DEFAULT, properties, H5P_DEFAULT);
  H5Dwrite(shorts, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);

  const char* texts[] = {"alpha", "", "gamma"};
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  const hid_t list = H5Screate_simple(1, three, nullptr);
  const hid_t words = H5Dcreate2(file, "texts", type, list, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Dwrite(words, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts);
  for (const hid_t dataset : {floats, shorts, words}) H5Dclose(dataset);
  H5Tclose(type);
  H5Sclose(list);
  H5Sclose(space);
  H5Pclose(properties);
  H5Fclose(file);
}

}  // namespace latetime
