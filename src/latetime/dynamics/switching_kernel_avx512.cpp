#define LATETIME_SWITCHING_KERNEL avx512_switching_kernel
#define LATETIME_KERNEL_LABEL "avx512"
#include "latetime/dynamics/switching_kernel.inl"
