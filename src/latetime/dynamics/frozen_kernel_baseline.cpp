#define LATETIME_FROZEN_KERNEL baseline_frozen_kernel
#define LATETIME_KERNEL_LABEL "baseline"
#include "latetime/dynamics/frozen_kernel.inl"
