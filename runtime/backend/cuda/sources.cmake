# The sources of the CUDA backend and its transport: for the module (CMakeLists.txt) and, with the
# emulated device, for the tests (tests/cuda).
set(cuda ${CMAKE_SOURCE_DIR}/runtime/backend/cuda)
set(nccl ${CMAKE_SOURCE_DIR}/runtime/world/nccl)
set(MIMO_CUDA_SOURCES
  ${cuda}/open.c ${cuda}/device.c ${cuda}/staging.c ${cuda}/sequences.c ${cuda}/linear.c ${cuda}/module.c
  ${nccl}/transport_nccl.c ${nccl}/communicator.c ${nccl}/issue.c ${nccl}/collective.c ${nccl}/exchange.c
  ${nccl}/messages.c)
set_source_files_properties(${cuda}/module.c PROPERTIES
  COMPILE_DEFINITIONS "MIMO_VERSION=\"${PROJECT_VERSION}\"")
file(GLOB MIMO_CUDA_KERNELS CONFIGURE_DEPENDS ${cuda}/kernels/*.cu)
