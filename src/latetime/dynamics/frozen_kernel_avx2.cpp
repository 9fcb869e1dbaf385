#define LATETIME_FROZEN_KERNEL avx2_frozen_kernel
#define LATETIME_KERNEL_LABEL "avx2"
#include "latetime/dynamics/frozen_kernel.inl"
