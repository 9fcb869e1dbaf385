# With ccache on the machine, no source is compiled twice: not for another folder, nor for `pip install .`, which has
# the flags of build/release. Paths count from the checkout, so that a fresh clone finds the objects of the last one.
# Decided when a build folder is first configured: a ccache that comes later would compile everything anew.

if(NOT DEFINED LATETIME_CCACHE)
  find_program(LATETIME_CCACHE ccache DOC "ccache, or empty to do without")
  if(NOT LATETIME_CCACHE)
    set(LATETIME_CCACHE "" CACHE FILEPATH "ccache, or empty to do without" FORCE)
  endif()
endif()
if(LATETIME_CCACHE)
  # The sloppiness is what ccache asks for with precompiled headers; no source uses __DATE__ or __TIME__.
  foreach(language C CXX)
    set(CMAKE_${language}_COMPILER_LAUNCHER env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1
        CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${LATETIME_CCACHE})
  endforeach()
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
endif()
