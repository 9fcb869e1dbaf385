# latetime_embed(TARGET NAME FILE): puts the bytes of FILE into the library. In C++ they lie between
# `extern "C" const char latetime_asset_NAME[], latetime_asset_NAME_end[]`.
function(latetime_embed target name file)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/asset_${name}.S)
  file(CONFIGURE OUTPUT ${source} CONTENT [[
    .section .rodata
    .global latetime_asset_@name@
latetime_asset_@name@:
    .incbin "@file@"
    .global latetime_asset_@name@_end
latetime_asset_@name@_end:
    .byte 0
    .section .note.GNU-stack,"",@progbits
]] @ONLY)
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${file} SKIP_PRECOMPILE_HEADERS ON)
  target_sources(${target} PRIVATE ${source})
endfunction()

# The library that draws reports (Vega, from npm), in the cache of scripts/fetch-data, which alone asks the
# network. LATETIME_VEGA is the folder, or empty when it is not there: the program then makes no report.html, and
# says so. The build looks again every time, and takes up what has come.
execute_process(COMMAND ${PROJECT_SOURCE_DIR}/scripts/fetch-data --cache
                OUTPUT_VARIABLE cache OUTPUT_STRIP_TRAILING_WHITESPACE)
file(GLOB vega_files CONFIGURE_DEPENDS ${cache}/vega/*)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${vega_files})
execute_process(COMMAND ${PROJECT_SOURCE_DIR}/scripts/fetch-data --check vega
                RESULT_VARIABLE missing OUTPUT_QUIET ERROR_QUIET)
if(missing)
  set(LATETIME_VEGA "")
  message(WARNING "The program will make no report.html, for Vega is not in ${cache}. "
                  "Run scripts/fetch-data vega and build again.")
else()
  set(LATETIME_VEGA ${cache}/vega)
endif()
