#include "bench/plot/chart.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace tessera::bench {
namespace {

constexpr double kWidth = 860, kPlotHeight = 420;
constexpr double kLeft = 72, kRight = 24, kTop = 64, kBottom = 56, kLegendRow = 20;
// Distinct to color-blind eyes too (Okabe and Ito, 2008).
constexpr const char* kColors[] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                   "#e69f00", "#56b4e9", "#555555", "#000000"};
constexpr int kShapes = 4;

[[gnu::format(printf, 2, 3)]] void Append(std::string& out, const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  out += text;
}

std::string Escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

// Text at a place, `more` = further attributes.
void AppendText(std::string& out, double x, double y, const char* more, const std::string& text) {
  Append(out, "<text x=\"%.1f\" y=\"%.1f\" %s>", x, y, more);
  out += Escaped(text) + "</text>\n";
}

// A circle, square, triangle or diamond; the series' number chooses.
void AppendMarker(std::string& out, size_t number, double x, double y, double size,
                  const std::string& note) {
  switch (number % kShapes) {
    case 0:
      Append(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\">", x, y, size);
      break;
    case 1:
      Append(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\">", x - size * 0.9,
             y - size * 0.9, size * 1.8, size * 1.8);
      break;
    case 2:
      Append(out, "<path d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1fZ\">", x, y - size * 1.2, x - size * 1.1,
             y + size * 0.9, x + size * 1.1, y + size * 0.9);
      break;
    default:
      Append(out, "<path d=\"M%.1f %.1fL%.1f %.1fL%.1f %.1fL%.1f %.1fZ\">", x, y - size * 1.3,
             x - size * 1.3, y, x, y + size * 1.3, x + size * 1.3, y);
  }
  if (!note.empty()) out += "<title>" + Escaped(note) + "</title>";
  out += number % kShapes == 0 ? "</circle>\n" : number % kShapes == 1 ? "</rect>\n" : "</path>\n";
}

class Drawing {
 public:
  explicit Drawing(const Chart& chart) : chart_(chart) {}

  std::string Draw() {
    const size_t rows = (chart_.series.size() + 1) / 2;
    const double height =
        kTop + kPlotHeight + kBottom + static_cast<double>(rows) * kLegendRow + 12;
    Append(out_,
           "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
           "height=\"%.0f\" font-family=\"Helvetica,Arial,sans-serif\" font-size=\"13\" "
           "fill=\"#222\">\n",
           kWidth, height, kWidth, height);
    out_ += "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
    AppendText(out_, kLeft, 28, "font-size=\"17\" font-weight=\"bold\"", chart_.title);
    AppendText(out_, kLeft, 47, "fill=\"#666\"", chart_.subtitle);
    DrawAxes();
    for (size_t i = 0; i < chart_.series.size(); ++i) DrawSeries(i);
    DrawLegend();
    return out_ + "</svg>\n";
  }

 private:
  double X(double value) const {
    return kLeft + chart_.x_axis.Place(value) * (kWidth - kLeft - kRight);
  }
  double Y(double value) const { return kTop + (1 - chart_.y_axis.Place(value)) * kPlotHeight; }
  static const char* Color(size_t number) { return kColors[number % std::size(kColors)]; }

  void DrawLine(double x1, double y1, double x2, double y2, const char* color) {
    Append(out_, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\"/>\n", x1, y1,
           x2, y2, color);
  }

  void DrawAxes() {
    const double right = kWidth - kRight, bottom = kTop + kPlotHeight;
    for (const double tick : chart_.x_axis.Ticks()) {
      DrawLine(X(tick), kTop, X(tick), bottom, "#e4e4e4");
      AppendText(out_, X(tick), bottom + 18, "text-anchor=\"middle\"", TickText(tick));
    }
    for (const double tick : chart_.y_axis.Ticks()) {
      DrawLine(kLeft, Y(tick), right, Y(tick), "#e4e4e4");
      AppendText(out_, kLeft - 8, Y(tick) + 4.5, "text-anchor=\"end\"", TickText(tick));
    }
    DrawLine(kLeft, bottom, right, bottom, "#888");
    DrawLine(kLeft, kTop, kLeft, bottom, "#888");
    AppendText(out_, (kLeft + right) / 2, bottom + 42, "text-anchor=\"middle\"", chart_.x_label);
    char turned[96];
    std::snprintf(turned, sizeof(turned),
                  "text-anchor=\"middle\" transform=\"rotate(-90 18 %.1f)\"",
                  kTop + kPlotHeight / 2);
    AppendText(out_, 18, kTop + kPlotHeight / 2, turned, chart_.y_label);
  }

  void DrawSeries(size_t number) {
    const Series& series = chart_.series[number];
    Append(out_, "<g fill=\"%s\" fill-opacity=\"0.25\">\n", Color(number));
    for (const Point& p : series.faint) AppendMarker(out_, number, X(p.x), Y(p.y), 3, p.note);
    out_ += "</g>\n";
    Append(out_, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"2\" points=\"",
           Color(number));
    for (const Point& p : series.line) Append(out_, "%.1f,%.1f ", X(p.x), Y(p.y));
    out_ += "\"/>\n";
    Append(out_, "<g fill=\"%s\">\n", Color(number));
    for (const Point& p : series.line) AppendMarker(out_, number, X(p.x), Y(p.y), 4, p.note);
    out_ += "</g>\n";
  }

  // Two columns below the plot.
  void DrawLegend() {
    const double top = kTop + kPlotHeight + kBottom + 12;
    for (size_t i = 0; i < chart_.series.size(); ++i) {
      const double x = kLeft + static_cast<double>(i % 2) * (kWidth - kLeft) / 2;
      const double y = top + static_cast<double>(i / 2) * kLegendRow;
      Append(out_, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" ", x, y,
             x + 26, y, Color(i));
      out_ += "stroke-width=\"2\"/>\n";
      Append(out_, "<g fill=\"%s\">", Color(i));
      AppendMarker(out_, i, x + 13, y, 4, "");
      out_ += "</g>\n";
      AppendText(out_, x + 34, y + 4.5, "", chart_.series[i].name);
    }
  }

  const Chart& chart_;
  std::string out_;
};

}  // namespace

std::string ToSvg(const Chart& chart) { return Drawing(chart).Draw(); }

}  // namespace tessera::bench
