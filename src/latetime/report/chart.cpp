#include "latetime/report/chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace latetime {
namespace {

constexpr double panel_width = 380, panel_height = 280;
constexpr double left = 64, top = 36, bottom = 52, gap = 24, legend_width = 110;
constexpr double legend_row = 18, legend_space = 14;
constexpr std::size_t short_label = 26;  // characters: two of these fit side by side

/// Linear map from data to the page, with round tick values.
struct Axis {
  double low = 0, high = 1;
  std::vector<double> ticks;

  double at(double value) const { return (value - low) / (high - low); }
};

Axis linear_axis(double low, double high) {
  if (!(high > low)) high = low + (low == 0 ? 1 : std::abs(low));
  const double raw = (high - low) / 5;
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  const double ratio = raw / power;
  const double step = power * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10);
  Axis axis{std::floor(low / step) * step, std::ceil(high / step) * step, {}};
  for (double k = std::round(axis.low / step); k * step <= axis.high + step / 2; ++k) {
    axis.ticks.push_back(k * step);
  }
  return axis;
}

/// In powers of ten: `low` and `high` are log10 of the data. Ticks at 1, 2, 5 within a short range,
/// else at whole powers.
Axis log_axis(double low, double high) {
  Axis axis{std::floor(low), std::ceil(high), {}};
  if (!(axis.high > axis.low)) axis.high = axis.low + 1;
  const bool fine = high - low < 2.6;
  const double every = std::ceil((axis.high - axis.low) / 8);
  for (double decade = axis.low; decade <= axis.high; decade += fine ? 1 : every) {
    for (const double digit : {1.0, 2.0, 5.0}) {
      if (fine || digit == 1.0) axis.ticks.push_back(decade + std::log10(digit));
    }
  }
  if (fine) {  // begin and end at the ticks that enclose the data
    while (axis.ticks.size() > 2 && axis.ticks[1] <= low) axis.ticks.erase(axis.ticks.begin());
    while (axis.ticks.size() > 2 && axis.ticks[axis.ticks.size() - 2] >= high)
      axis.ticks.pop_back();
    axis.low = axis.ticks.front();
    axis.high = axis.ticks.back();
  }
  return axis;
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else if (c == '>') {
      result += "&gt;";
    } else {
      result += c;
    }
  }
  return result;
}

std::string text_at(double x, double y, const std::string& anchor, const std::string& text,
                    const std::string& more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" {}>{}</text>\n", x, y,
                     anchor, more, escaped(text));
}

/// "0.05", "200", "10³", "10⁻⁸": a tick of a logarithmic axis, from its log10.
std::string power_text(double decade) {
  const double whole = std::round(decade);
  if (std::abs(decade - whole) > 1e-9 || (whole > -4 && whole < 3)) {
    return fmt::format("{:.6g}", std::pow(10.0, decade));
  }
  static const std::array<const char*, 10> digits{"\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074",
                                                  "\u2075", "\u2076", "\u2077", "\u2078", "\u2079"};
  std::string text = whole < 0 ? "10\u207b" : "10";
  for (const char digit : std::to_string(std::lround(std::abs(whole)))) {
    text += digits[static_cast<std::size_t>(digit - '0')];
  }
  return text;
}

/// Length in characters of UTF-8 text.
std::size_t characters(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

/// One panel: data ranges, axes, bands, curves.
class PanelDrawing {
 public:
  PanelDrawing(const Panel& panel, double x0, double y0 = top) : panel_(panel), x0_(x0), y0_(y0) {
    double x_low = infinity_, x_high = -infinity_, y_low = infinity_, y_high = -infinity_;
    for (const Series& s : panel.series) {
      for (const double x : s.x) extend(scaled(x, panel.log_x), x_low, x_high);
      for (const auto* values : {&s.y, &s.low, &s.high}) {
        for (const double y : *values) extend(scaled(y, panel.log_y), y_low, y_high);
      }
    }
    if (x_low > x_high) x_low = x_high = 0;  // nothing to draw
    if (y_low > y_high) y_low = y_high = 0;
    x_axis_ = panel.log_x ? log_axis(x_low, x_high) : linear_axis(x_low, x_high);
    y_axis_ = panel.log_y ? log_axis(y_low, y_high) : linear_axis(y_low, y_high);
  }

  std::string svg() const {
    std::string out = axes();
    out += fmt::format("<g clip-path=\"url(#clip{:.0f}-{:.0f})\">\n", x0_, y0_);
    for (const Series& s : panel_.series) out += band(s);
    for (const Series& s : panel_.series) out += curve(s);
    return out + "</g>\n";
  }

 private:
  static constexpr double infinity_ = std::numeric_limits<double>::infinity();

  static void extend(double value, double& low, double& high) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  static double scaled(double value, bool log) {
    if (!log) return value;
    return value > 0 ? std::log10(value) : std::nan("");
  }
  double page_x(double x) const { return x0_ + panel_width * x_axis_.at(scaled(x, panel_.log_x)); }
  double page_y(double y) const {
    const double value = scaled(y, panel_.log_y);
    // A band that reaches 0 on a log axis ends at the axis' lower end.
    return y0_ + panel_height * (1 - (std::isnan(value) ? 0 : y_axis_.at(value)));
  }

  std::string axes() const {
    std::string out = fmt::format(
        "<clipPath id=\"clip{:.0f}-{:.0f}\"><rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
        "height=\"{:.1f}\"/></clipPath>\n",
        x0_, y0_, x0_, y0_, panel_width, panel_height);
    for (const double tick : y_axis_.ticks) {
      const double y = y0_ + panel_height * (1 - y_axis_.at(tick));
      out += fmt::format(
          "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" "
          "stroke=\"#e3e3e3\"/>\n",
          x0_, y, x0_ + panel_width, y);
      const double shown = std::abs(tick) < 1e-12 ? 0 : tick;
      out += text_at(x0_ - 7, y + 4, "end",
                     panel_.log_y ? power_text(shown) : fmt::format("{:.6g}", shown));
    }
    for (const double tick : x_axis_.ticks) {
      const double x = x0_ + panel_width * x_axis_.at(tick);
      out += fmt::format(
          "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" "
          "stroke=\"#555\"/>\n",
          x, y0_ + panel_height, x, y0_ + panel_height + 4);
      out += text_at(x, y0_ + panel_height + 18, "middle",
                     panel_.log_x ? power_text(tick)
                                  : fmt::format("{:.6g}", std::abs(tick) < 1e-12 ? 0 : tick));
    }
    out += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" "
        "fill=\"none\" stroke=\"#555\"/>\n",
        x0_, y0_, panel_width, panel_height);
    out += text_at(x0_ + panel_width / 2, y0_ - 12, "middle", panel_.title, "font-weight=\"bold\"");
    out += text_at(x0_ + panel_width / 2, y0_ + panel_height + 40, "middle", panel_.x_label);
    const double label_x = x0_ - 48, label_y = y0_ + panel_height / 2;
    return out + text_at(label_x, label_y, "middle", panel_.y_label,
                         fmt::format("transform=\"rotate(-90 {:.1f} {:.1f})\"", label_x, label_y));
  }

  std::string band(const Series& s) const {
    if (s.low.empty()) return {};
    std::string points;
    for (std::size_t i = 0; i < s.x.size(); ++i) {
      points += fmt::format("{:.2f},{:.2f} ", page_x(s.x[i]), page_y(s.high[i]));
    }
    for (std::size_t i = s.x.size(); i-- > 0;) {
      points += fmt::format("{:.2f},{:.2f} ", page_x(s.x[i]), page_y(s.low[i]));
    }
    return fmt::format("<polygon points=\"{}\" fill=\"{}\" fill-opacity=\"0.16\"/>\n", points,
                       s.color);
  }

  /// Whether a point has a place in the panel.
  bool drawable(const Series& s, std::size_t i) const {
    return std::isfinite(scaled(s.x[i], panel_.log_x)) &&
           std::isfinite(scaled(s.y[i], panel_.log_y));
  }

  std::string curve(const Series& s) const {
    std::string points, circles;
    std::size_t drawn = 0;
    for (std::size_t i = 0; i < s.x.size(); ++i) {
      if (!drawable(s, i)) continue;
      ++drawn;
      points += fmt::format("{:.2f},{:.2f} ", page_x(s.x[i]), page_y(s.y[i]));
      circles += fmt::format("<circle cx=\"{:.2f}\" cy=\"{:.2f}\" r=\"2.6\" fill=\"{}\"/>\n",
                             page_x(s.x[i]), page_y(s.y[i]), s.color);
    }
    if (s.mark == Mark::points || drawn == 1) return circles;  // a line through one is not seen
    const std::string line =
        fmt::format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"{}/>\n",
                    points, s.color, s.mark == Mark::joined_points ? 1.0 : 1.8,
                    s.mark == Mark::dashed ? " stroke-dasharray=\"6 4\"" : "");
    return s.mark == Mark::joined_points ? line + circles : line;
  }

  const Panel& panel_;
  double x0_, y0_;
  Axis x_axis_, y_axis_;
};

std::string document(double width, double height, const std::string& content) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "width=\"{0:.0f}\" height=\"{1:.0f}\" font-family=\"Helvetica, Arial, sans-serif\" "
      "font-size=\"12\" fill=\"#222\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
      "{2}</svg>\n",
      width, height, content);
}

std::string legend_entry(const Series& s, double x, double y) {
  std::string out;
  if (s.mark != Mark::points) {
    out += fmt::format(
        "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" "
        "stroke-width=\"{}\"{}/>\n",
        x, y - 4, x + 22, y - 4, s.color, s.mark == Mark::joined_points ? 1 : 3,
        s.mark == Mark::dashed ? " stroke-dasharray=\"6 4\"" : "");
  }
  if (s.mark == Mark::points || s.mark == Mark::joined_points) {
    out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\" fill=\"{}\"/>\n", x + 11, y - 4,
                       s.color);
  }
  return out + text_at(x + 30, y, "start", s.label);
}

/// Series with a label, and how many of them stand side by side.
struct Legend {
  explicit Legend(const Panel& panel) {
    std::size_t longest = 0;
    for (const Series& s : panel.series) {
      if (s.label.empty()) continue;
      entries.push_back(&s);
      longest = std::max(longest, characters(s.label));
    }
    columns = longest <= short_label ? 2 : 1;
  }
  std::size_t rows() const { return (entries.size() + columns - 1) / columns; }
  std::string svg(double x0, double y0) const {
    std::string out;
    for (std::size_t e = 0; e < entries.size(); ++e) {
      const auto row = static_cast<double>(e / columns), column = static_cast<double>(e % columns);
      out += legend_entry(*entries[e], x0 + column * panel_width / 2, y0 + row * legend_row);
    }
    return out;
  }

  std::vector<const Series*> entries;
  std::size_t columns = 1;
};

}  // namespace

std::string render_svg(const std::vector<Panel>& panels, const std::string& legend_title) {
  const auto count = static_cast<double>(panels.size());
  const double width = count * (left + panel_width) + (count - 1) * gap + legend_width;
  std::string out;
  for (std::size_t i = 0; i < panels.size(); ++i) {
    out +=
        PanelDrawing(panels[i], left + static_cast<double>(i) * (left + panel_width + gap)).svg();
  }
  const double x = width - legend_width + 18;
  double y = top + 10;
  out += text_at(x, y, "start", legend_title, "font-weight=\"bold\"");
  for (const Series& s : panels.empty() ? std::vector<Series>{} : panels.front().series) {
    out += legend_entry(s, x, y += 20);
  }
  return document(width, top + panel_height + bottom, out);
}

std::string render_grid_svg(const std::vector<Panel>& panels, std::size_t columns) {
  std::string out;
  double y = 0.0;
  for (std::size_t first = 0; first < panels.size(); first += columns) {
    std::size_t rows = 0;
    for (std::size_t i = first; i < std::min(first + columns, panels.size()); ++i) {
      const double x = left + static_cast<double>(i - first) * (left + panel_width + gap);
      const Legend legend(panels[i]);
      rows = std::max(rows, legend.rows());
      out += PanelDrawing(panels[i], x, y + top).svg();
      out += legend.svg(x, y + top + panel_height + bottom + legend_space);
    }
    y += top + panel_height + bottom + legend_space + legend_row * static_cast<double>(rows);
  }
  const auto across = static_cast<double>(std::min(columns, panels.size()));
  return document(across * (left + panel_width + gap), y + legend_space, out);
}

std::vector<std::string> sequential_colors(std::size_t count) {
  constexpr std::array<std::array<double, 3>, 9> anchors{{{68, 1, 84},
                                                          {71, 44, 122},
                                                          {59, 81, 139},
                                                          {44, 113, 142},
                                                          {33, 144, 141},
                                                          {39, 173, 129},
                                                          {92, 200, 99},
                                                          {170, 220, 50},
                                                          {218, 226, 28}}};
  std::vector<std::string> colors;
  for (std::size_t i = 0; i < count; ++i) {
    const double at =
        count > 1 ? 8.0 * static_cast<double>(i) / static_cast<double>(count - 1) : 0.0;
    const auto k = std::min<std::size_t>(static_cast<std::size_t>(at), 7);
    const double f = at - static_cast<double>(k);
    std::array<int, 3> rgb{};
    for (std::size_t c = 0; c < 3; ++c) {
      rgb[c] = static_cast<int>(std::lround((1 - f) * anchors[k][c] + f * anchors[k + 1][c]));
    }
    colors.push_back(fmt::format("#{:02x}{:02x}{:02x}", rgb[0], rgb[1], rgb[2]));
  }
  return colors;
}

}  // namespace latetime
