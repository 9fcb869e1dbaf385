#define LATETIME_KERNELS avx512_kernels
#define LATETIME_KERNEL_LABEL "avx512"
#include "latetime/model/tile_kernel.inl"
