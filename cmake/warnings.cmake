# Flags of our own code: packrat_warnings for how it is judged, packrat_flags for how it is built.
add_library(packrat_warnings INTERFACE)
target_compile_options(packrat_warnings INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wvla -Wstrict-prototypes -Wmissing-prototypes)
if(PACKRAT_WERROR)
    target_compile_options(packrat_warnings INTERFACE -Werror)
endif()

add_library(packrat_flags INTERFACE)
target_include_directories(packrat_flags INTERFACE
    ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR})
target_compile_definitions(packrat_flags INTERFACE _GNU_SOURCE)
target_compile_options(packrat_flags INTERFACE -fno-math-errno -ffp-contract=off)
if(PACKRAT_SANITIZE)
    target_compile_options(packrat_flags INTERFACE
        -fsanitize=${PACKRAT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(packrat_flags INTERFACE -fsanitize=${PACKRAT_SANITIZE})
    target_compile_definitions(packrat_flags INTERFACE PRI_SANITIZED)
endif()
if(PACKRAT_FUZZ)
    # The library tells libFuzzer which of its branches were taken; a target alone is a few lines, and
    # without this the fuzzer would search blindly. The targets bring the runtime.
    target_compile_options(packrat_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
