#define LATETIME_SWITCHING_KERNEL avx2_switching_kernel
#define LATETIME_KERNEL_LABEL "avx2"
#include "latetime/dynamics/switching_kernel.inl"
