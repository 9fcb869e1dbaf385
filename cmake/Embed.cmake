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

# The library that draws reports (Vega, from npm), in the cache of scripts/fetch-data. LATETIME_VEGA is
# the folder, or empty when it cannot be had: the program then makes no report.html, and says so.
execute_process(COMMAND ${PROJECT_SOURCE_DIR}/scripts/fetch-data --cache
                OUTPUT_VARIABLE cache OUTPUT_STRIP_TRAILING_WHITESPACE)
execute_process(COMMAND ${PROJECT_SOURCE_DIR}/scripts/fetch-data vega
                RESULT_VARIABLE failed ERROR_VARIABLE reason ERROR_STRIP_TRAILING_WHITESPACE)
if(failed)
  set(LATETIME_VEGA "")
  message(WARNING "the program will make no report.html, for Vega is missing (${reason})")
else()
  set(LATETIME_VEGA ${cache}/vega)
endif()
