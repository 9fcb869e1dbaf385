#define LATETIME_KERNELS baseline_kernels
#define LATETIME_KERNEL_LABEL "baseline"
#include "latetime/model/tile_kernel.inl"
