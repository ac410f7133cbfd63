package report

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// Curve is latency against rate: what a search has measured.
type Curve struct {
	Title   string       `json:"title"`
	Caption string       `json:"caption,omitempty"` // the machine and the version, for who reads it later
	LimitOf string       `json:"limit_of"`          // the quantile that is bounded: p50, p99 or p99.9
	LimitMS float64      `json:"limit_ms"`
	Best    *float64     `json:"best_per_s,omitempty"` // the highest rate within the limit; absent where there is none
	Points  []CurvePoint `json:"points"`
}

// CurvePoint is a rate: medians of what its repeats measured.
type CurvePoint struct {
	PerS    float64  `json:"per_s"`         // asked
	Reached float64  `json:"reached_per_s"` // approved
	P50     *float64 `json:"p50_ms,omitempty"`
	P99     *float64 `json:"p99_ms,omitempty"`
	P999    *float64 `json:"p999_ms,omitempty"`
	Valid   bool     `json:"valid"`
	Passed  bool     `json:"passed"`
}

// The picture, in units of its own.
const (
	svgWidth, svgHeight = 860.0, 420.0
	plotLeft, plotTop   = 72.0, 52.0
	plotRight           = svgWidth - 28
	plotBottom          = svgHeight - 76
)

// svgStyle are the colours on white and on dark paper; the picture itself has no background.
const svgStyle = `text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif;fill:#57606a}
.title{font-size:15px;font-weight:600;fill:#1f2328}.grid{stroke:#8c959f;stroke-opacity:.25}
.axis{stroke:#8c959f}.p50{stroke:#1a7f37;fill:#1a7f37}.p99{stroke:#1f6feb;fill:#1f6feb}.p999{stroke:#8250df;fill:#8250df}
.line{fill:none;stroke-width:2}.limit{stroke:#d1242f;stroke-dasharray:6 4}.limit-text{fill:#d1242f}
.over{fill-opacity:0;stroke-width:1.5}.doubt{opacity:.4}.best{stroke:#8c959f;stroke-dasharray:2 3}
@media (prefers-color-scheme:dark){text{fill:#9198a1}.title{fill:#e6edf3}.p50{stroke:#3fb950;fill:#3fb950}
.p99{stroke:#58a6ff;fill:#58a6ff}.p999{stroke:#bc8cff;fill:#bc8cff}.limit{stroke:#ff7b72}.limit-text{fill:#ff7b72}}`

// SVG draws it: milliseconds on a logarithmic axis over the rate. Rates past the limit are hollow, and what the tool
// could not send as it was asked is pale.
func (c *Curve) SVG(w io.Writer) error {
	s := newScales(c)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" role="img" aria-label="%s">`+"\n",
		svgWidth, svgHeight, html.EscapeString(c.Title))
	fmt.Fprintf(&b, "<style>%s</style>\n", svgStyle)
	label(&b, `class="title"`, plotLeft, 24, c.Title)
	s.axes(&b)
	c.limit(&b, s)
	for i, q := range curveQuantiles {
		c.line(&b, s, q)
		legend(&b, plotLeft+70*float64(i), q)
	}
	label(&b, `text-anchor="end"`, plotRight, svgHeight-28, "requests due a second; filled: within the limit")
	label(&b, "", plotLeft, svgHeight-8, c.Caption)
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// curveQuantile is one of the lines.
type curveQuantile struct {
	name, class string
	percent     float64
	of          func(*CurvePoint) *float64
}

var curveQuantiles = []curveQuantile{
	{"p50", "p50", 50, func(p *CurvePoint) *float64 { return p.P50 }},
	{"p99", "p99", 99, func(p *CurvePoint) *float64 { return p.P99 }},
	{"p99.9", "p999", 99.9, func(p *CurvePoint) *float64 { return p.P999 }},
}

// line draws a quantile through the rates at which it was measured.
func (c *Curve) line(b *strings.Builder, s *scales, q curveQuantile) {
	var way []string
	for i := range c.Points {
		if ms := q.of(&c.Points[i]); ms != nil {
			way = append(way, fmt.Sprintf("%.1f,%.1f", s.x(c.Points[i].PerS), s.y(*ms)))
		}
	}
	fmt.Fprintf(b, `<polyline class="line %s" points="%s"/>`+"\n", q.class, strings.Join(way, " "))
	for i := range c.Points {
		p := &c.Points[i]
		ms := q.of(p)
		if ms == nil {
			continue
		}
		class := q.class
		if !p.Passed {
			class += " over"
		}
		if !p.Valid {
			class += " doubt"
		}
		fmt.Fprintf(b, `<circle class="%s" cx="%.1f" cy="%.1f" r="3.5"><title>%s a second: %s %s</title></circle>`+"\n",
			class, s.x(p.PerS), s.y(*ms), number(p.PerS), q.name, millis(*ms))
	}
}

// limit draws the bound, and the highest rate that is within it.
func (c *Curve) limit(b *strings.Builder, s *scales) {
	if c.LimitMS > 0 {
		y := s.y(c.LimitMS)
		fmt.Fprintf(b, `<line class="limit" x1="%g" y1="%.1f" x2="%g" y2="%.1f"/>`+"\n", plotLeft, y, plotRight, y)
		label(b, `class="limit-text"`, plotLeft+6, y-5, c.LimitOf+" at most "+number(c.LimitMS)+" ms")
	}
	if c.Best != nil {
		x := s.x(*c.Best)
		fmt.Fprintf(b, `<line class="best" x1="%.1f" y1="%g" x2="%.1f" y2="%g"/>`+"\n", x, plotTop, x, plotBottom)
		anchor, dx := "end", -6.0
		if x < (plotLeft+plotRight)/2 {
			anchor, dx = "start", 6
		}
		label(b, `text-anchor="`+anchor+`"`, x+dx, plotTop+14, number(math.Round(*c.Best))+" a second")
	}
}

func legend(b *strings.Builder, x float64, q curveQuantile) {
	y := svgHeight - 32.0
	fmt.Fprintf(b, `<line class="line %s" x1="%g" y1="%g" x2="%g" y2="%g"/>`, q.class, x, y, x+18, y)
	label(b, "", x+23, y+4, q.name)
}

func label(b *strings.Builder, attributes string, x, y float64, text string) {
	if text != "" {
		fmt.Fprintf(b, `<text %s x="%.1f" y="%.1f">%s</text>`+"\n", attributes, x, y, html.EscapeString(text))
	}
}

// scales say where a rate and a latency are.
type scales struct {
	maxRate, step float64
	low, high     int // decades of milliseconds
}

func newScales(c *Curve) *scales {
	s := &scales{maxRate: 1, low: math.MaxInt, high: math.MinInt}
	ms := []float64{}
	if c.LimitMS > 0 {
		ms = append(ms, c.LimitMS)
	}
	for i := range c.Points {
		s.maxRate = max(s.maxRate, c.Points[i].PerS)
		for _, q := range curveQuantiles {
			if x := q.of(&c.Points[i]); x != nil && *x > 0 {
				ms = append(ms, *x)
			}
		}
	}
	for _, x := range ms {
		s.low, s.high = min(s.low, int(math.Floor(math.Log10(x)))), max(s.high, int(math.Ceil(math.Log10(x))))
	}
	if len(ms) == 0 {
		s.low, s.high = 0, 1
	}
	s.high = max(s.high, s.low+1)
	s.step = niceStep(s.maxRate)
	s.maxRate = math.Ceil(s.maxRate/s.step) * s.step
	return s
}

// niceStep divides an axis into four to ten parts of 1, 2 or 5 times a power of ten.
func niceStep(most float64) float64 {
	const leastParts = 4
	power := math.Pow(10, math.Floor(math.Log10(most/leastParts)))
	for _, times := range []float64{5, 2} {
		if most/(times*power) >= leastParts {
			return times * power
		}
	}
	return power
}

func (s *scales) x(rate float64) float64 { return plotLeft + (plotRight-plotLeft)*rate/s.maxRate }

func (s *scales) y(ms float64) float64 {
	decades := math.Log10(max(ms, math.Pow(10, float64(s.low)))) - float64(s.low)
	return plotBottom - (plotBottom-plotTop)*decades/float64(s.high-s.low)
}

func (s *scales) axes(b *strings.Builder) {
	for n := 0; n <= int(math.Round(s.maxRate/s.step)); n++ {
		rate := float64(n) * s.step
		x := s.x(rate)
		fmt.Fprintf(b, `<line class="grid" x1="%.1f" y1="%g" x2="%.1f" y2="%g"/>`+"\n", x, plotTop, x, plotBottom)
		label(b, `text-anchor="middle"`, x, plotBottom+18, number(rate))
	}
	for d := s.low; d <= s.high; d++ {
		ms := math.Pow(10, float64(d))
		y := s.y(ms)
		fmt.Fprintf(b, `<line class="grid" x1="%g" y1="%.1f" x2="%g" y2="%.1f"/>`+"\n", plotLeft, y, plotRight, y)
		label(b, `text-anchor="end"`, plotLeft-8, y+4, decade(ms))
	}
	fmt.Fprintf(b, `<path class="axis" fill="none" d="M%g %gV%gH%g"/>`+"\n", plotLeft, plotTop, plotBottom, plotRight)
}

// decade is a power of ten of milliseconds.
func decade(ms float64) string {
	switch {
	case ms >= 1000:
		return number(ms/1000) + " s"
	case ms >= 1:
		return number(ms) + " ms"
	default:
		return number(math.Round(ms*1000)) + " µs"
	}
}
