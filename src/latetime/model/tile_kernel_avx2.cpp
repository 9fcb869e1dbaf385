#define LATETIME_KERNELS avx2_kernels
#define LATETIME_KERNEL_LABEL "avx2"
#include "latetime/model/tile_kernel.inl"
