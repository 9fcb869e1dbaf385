#define LATETIME_SWITCHING_KERNEL baseline_switching_kernel
#define LATETIME_KERNEL_LABEL "baseline"
#include "latetime/dynamics/switching_kernel.inl"
