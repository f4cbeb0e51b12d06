# What `cmake --install` puts where: the program, both libraries, the public headers, the manual
# page, the licence and a pkg-config file.

# packrat.pc finds its prefix from where it lies, so that --prefix at install time is fine; not so
# where the directories were given as absolute paths.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
    set(PACKRAT_PC_PREFIX "${CMAKE_INSTALL_PREFIX}")
    set(PACKRAT_PC_LIBDIR "${CMAKE_INSTALL_FULL_LIBDIR}")
    set(PACKRAT_PC_INCLUDEDIR "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
else()
    file(RELATIVE_PATH up "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
    string(REGEX REPLACE "/$" "" up "${up}")
    set(PACKRAT_PC_PREFIX "\${pcfiledir}/${up}")
    set(PACKRAT_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
    set(PACKRAT_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
endif()
configure_file(cmake/packrat.pc.in ${PROJECT_BINARY_DIR}/packrat.pc @ONLY)

install(TARGETS packrat packrat_shared packrat_static
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/packrat
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_BINARY_DIR}/packrat.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${PROJECT_BINARY_DIR}/packrat.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
