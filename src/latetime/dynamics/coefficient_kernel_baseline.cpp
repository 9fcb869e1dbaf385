#define LATETIME_KERNELS baseline_kernels
#define LATETIME_KERNEL_LABEL "baseline"
#include "latetime/dynamics/coefficient_kernel.inl"
