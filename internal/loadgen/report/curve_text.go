package report

import (
	"fmt"
	"html"
	"io"
	"math"
	"strings"
)

// The drawing of a curve for a terminal, in characters.
const (
	textColumns = 64
	textRows    = 16
)

// Text draws it for a terminal: milliseconds on a logarithmic axis over the rate. * is the limited quantile of a rate
// that passed, x of one that did not, ? of one that is not valid, . the other quantiles.
func (c *Curve) Text(w io.Writer) error {
	s := newScales(c)
	grid := make([][]byte, textRows+1)
	for i := range grid {
		grid[i] = []byte(strings.Repeat(" ", textColumns+1))
	}
	row := func(ms float64) int { return textPlace(s.y(ms), plotTop, plotBottom, textRows) }
	column := func(rate float64) int { return textPlace(s.x(rate), plotLeft, plotRight, textColumns) }
	if c.LimitMS > 0 {
		grid[row(c.LimitMS)] = []byte(strings.Repeat("-", textColumns+1))
	}
	for _, limited := range []bool{false, true} { // what is limited stands over the rest
		for i := range c.Points {
			p := &c.Points[i]
			for _, q := range curveQuantiles {
				if ms := q.of(p); ms != nil && limited == (q.name == c.LimitOf) {
					grid[row(*ms)][column(p.PerS)] = c.mark(p, limited)
				}
			}
		}
	}
	names := map[int]string{}
	for d := s.low; d <= s.high; d++ {
		ms := math.Pow(10, float64(d))
		names[row(ms)] = decade(ms)
	}
	var b strings.Builder
	for i, line := range grid {
		fmt.Fprintf(&b, "%8s |%s", names[i], strings.TrimRight(string(line), " "))
		if c.LimitMS > 0 && i == row(c.LimitMS) {
			fmt.Fprintf(&b, " %s %s", c.LimitOf, millis(c.LimitMS))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%8s +%s\n%10s%-*s%s a second\n", "", strings.Repeat("-", textColumns+1), "", textColumns-4, "0",
		number(s.maxRate))
	fmt.Fprintf(&b, "%10s%s: * passed, x over, ? not valid; . p50, p99, p99.9\n", "", c.LimitOf)
	_, err := io.WriteString(w, b.String())
	return err
}

// mark stands for a quantile of a rate.
func (c *Curve) mark(p *CurvePoint, limited bool) byte {
	switch {
	case !limited:
		return '.'
	case !p.Valid:
		return '?'
	case !p.Passed:
		return 'x'
	}
	return '*'
}

// textPlace is where a place of the picture is among n+1 characters.
func textPlace(at, from, to float64, n int) int {
	return min(max(int(math.Round((at-from)/(to-from)*float64(n))), 0), n)
}

// HTML writes the picture as a page that asks nobody for anything.
func (c *Curve) HTML(w io.Writer) error {
	_, err := fmt.Fprintf(w, "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>%s</title>\n"+
		"<style>:root{color-scheme:light dark}body{max-width:60rem;margin:2rem auto;padding:0 1rem}</style>\n<body>\n",
		html.EscapeString(c.Title))
	if err != nil {
		return err
	}
	if err := c.SVG(w); err != nil {
		return err
	}
	_, err = io.WriteString(w, "</body></html>\n")
	return err
}
