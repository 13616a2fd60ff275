/* Which clone of the kernels (FZ_KERNEL) this processor runs. */
#ifndef FZ_CORE_INSTRUCTION_SET_H
#define FZ_CORE_INSTRUCTION_SET_H

/** "x86-64-v4", "x86-64-v3", "x86-64", or the architecture's name.  Results have the same bits for the same binary,
 *  libraries and instruction set; OpenBLAS chooses its own kernels by the same processor.  calls local */
const char *fz_instruction_set(void);

#endif
