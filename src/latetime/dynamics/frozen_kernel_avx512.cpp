#define LATETIME_FROZEN_KERNEL avx512_frozen_kernel
#define LATETIME_KERNEL_LABEL "avx512"
#include "latetime/dynamics/frozen_kernel.inl"
