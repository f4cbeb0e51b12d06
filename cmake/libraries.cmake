# libpackrat, shared (only pr_ symbols leave it) and static (tests reach pri_ through it).
add_library(packrat_shared SHARED)
target_link_libraries(packrat_shared PRIVATE packrat_objects)
set_target_properties(packrat_shared PROPERTIES
    OUTPUT_NAME packrat VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
    LINKER_LANGUAGE C LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/exports.map)
target_link_options(packrat_shared PRIVATE
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/cmake/exports.map)
target_include_directories(packrat_shared INTERFACE ${PROJECT_SOURCE_DIR}/include)

add_library(packrat_static STATIC)
target_link_libraries(packrat_static PUBLIC packrat_objects)
set_target_properties(packrat_static PROPERTIES OUTPUT_NAME packrat LINKER_LANGUAGE C)
