#include "latetime/report/assets.hpp"

// cmake/Embed.cmake defines these symbols.
#define LATETIME_ASSET(name)                     \
  extern "C" const char latetime_asset_##name[]; \
  extern "C" const char latetime_asset_##name##_end[];

LATETIME_ASSET(page_html)
LATETIME_ASSET(page_css)
LATETIME_ASSET(page_base)
LATETIME_ASSET(page_figure)
LATETIME_ASSET(page_reading)
LATETIME_ASSET(page_curves)
LATETIME_ASSET(page_spectrum)
LATETIME_ASSET(page_maps)
LATETIME_ASSET(page_margins)
LATETIME_ASSET(page_paper_figures)
LATETIME_ASSET(page_trainings)
LATETIME_ASSET(page_sweeps)
LATETIME_ASSET(page_text)
LATETIME_ASSET(page_claims)
LATETIME_ASSET(page_proof)
LATETIME_ASSET(page_page)
LATETIME_ASSET(vega)
LATETIME_ASSET(vega_lite)
LATETIME_ASSET(vega_embed)
LATETIME_ASSET(vega_licence)
LATETIME_ASSET(vega_lite_licence)
LATETIME_ASSET(vega_embed_licence)

namespace latetime {
namespace {

std::string_view between(const char* begin, const char* end) {
  return {begin, static_cast<std::size_t>(end - begin)};
}

#define LATETIME_BYTES(name) between(latetime_asset_##name, latetime_asset_##name##_end)

template <class... Parts>
std::string joined(Parts... parts) {
  std::string text;
  ((text += parts, text += '\n'), ...);
  return text;
}

}  // namespace

Assets report_assets() {
  Assets assets{.html = LATETIME_BYTES(page_html),
                .css = LATETIME_BYTES(page_css),
                .script = joined(LATETIME_BYTES(page_base), LATETIME_BYTES(page_figure),
                                 LATETIME_BYTES(page_reading), LATETIME_BYTES(page_curves),
                                 LATETIME_BYTES(page_spectrum), LATETIME_BYTES(page_maps),
                                 LATETIME_BYTES(page_margins), LATETIME_BYTES(page_paper_figures),
                                 LATETIME_BYTES(page_trainings), LATETIME_BYTES(page_sweeps),
                                 LATETIME_BYTES(page_text), LATETIME_BYTES(page_claims),
                                 LATETIME_BYTES(page_proof), LATETIME_BYTES(page_page)),
                .vega = {},
                .licences = joined(LATETIME_BYTES(vega_licence), LATETIME_BYTES(vega_lite_licence),
                                   LATETIME_BYTES(vega_embed_licence))};
  if (LATETIME_BYTES(vega).empty()) return assets;
  assets.vega = joined(LATETIME_BYTES(vega), LATETIME_BYTES(vega_lite), LATETIME_BYTES(vega_embed));
  return assets;
}

}  // namespace latetime
