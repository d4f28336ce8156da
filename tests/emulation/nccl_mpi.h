/* nccl_mpi.h - MPI's C interface alone. */
#ifndef MIMO_EMULATION_NCCL_MPI_H
#define MIMO_EMULATION_NCCL_MPI_H

#define OMPI_SKIP_MPICXX  1
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#endif
