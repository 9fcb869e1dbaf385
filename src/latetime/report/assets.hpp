#pragma once

#include <string>
#include <string_view>

namespace latetime {

/// Files that the build put into the program (src/latetime/report/page, and Vega).
struct Assets {
  std::string_view html;  ///< the page, with places for the others
  std::string_view css;
  std::string script;    ///< the page's own
  std::string vega;      ///< vega, vega-lite and vega-embed; empty when the build lacked them
  std::string licences;  ///< of Vega
};

Assets report_assets();

}  // namespace latetime
