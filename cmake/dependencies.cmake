# The libraries packrat stands on. Each is touched by one room only (tests/layers.txt).
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
# Debian's dnnl CMake file asks for OpenCL's headers, which the CPU engine does not need.
find_path(DNNL_INCLUDE_DIR dnnl.h REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
pkg_check_modules(HWLOC REQUIRED IMPORTED_TARGET hwloc)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(URING REQUIRED IMPORTED_TARGET liburing)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
find_path(RANDOM123_INCLUDE_DIR Random123/philox.h REQUIRED)
find_path(METIS_INCLUDE_DIR metis.h REQUIRED)
find_library(METIS_LIBRARY metis REQUIRED)

add_library(packrat_dependencies INTERFACE)
target_include_directories(packrat_dependencies SYSTEM INTERFACE
    ${RANDOM123_INCLUDE_DIR} ${DNNL_INCLUDE_DIR} ${METIS_INCLUDE_DIR})
target_link_libraries(packrat_dependencies INTERFACE
    OpenMP::OpenMP_C Threads::Threads ${DNNL_LIBRARY} PkgConfig::HWLOC PkgConfig::SQLITE
    PkgConfig::JANSSON PkgConfig::XXHASH PkgConfig::URING PkgConfig::ZSTD PkgConfig::ZLIB
    PkgConfig::LIBZIP PkgConfig::MICROHTTPD ${METIS_LIBRARY} m)
