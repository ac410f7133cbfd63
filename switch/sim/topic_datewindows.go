package sim

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"switchyard/switch/operator/client"
)

// Windows within a date: at several moments what a node has for a destination so far is sealed and written by itself,
// while actors go on, voids too, and nodes crash. The audit holds the files against the books: what a window has is
// taken back by a record and never at the issuer, and each presentment is in one file.

func init() { addTopic(topic{name: "datewindows", since: 25, draw: drawDateWindows}) }

const dateWindowsPercent = 20

func drawDateWindows(t *rapid.T, p *Plan) section {
	if !percent(t, dateWindowsPercent) {
		return nil
	}
	return drawWindowEnds(t, p, span)
}

// drawWindowEnds draws one window at least, each of which ends within a time.
func drawWindowEnds(t *rapid.T, p *Plan, within time.Duration) *dateWindowsSection {
	s := &dateWindowsSection{}
	for range 1 + bits(t, 6) {
		s.Windows = append(s.Windows, dateWindow{
			At: between(t, time.Second, within), Node: bits(t, p.Nodes), Destination: []string{"visa", "mastercard"}[bits(t, 2)],
		})
	}
	slices.SortStableFunc(s.Windows, func(a, b dateWindow) int { return int(a.At - b.At) })
	return s
}

type dateWindowsSection struct{ Windows []dateWindow }

// dateWindow is a window that ends, by hand.
type dateWindow struct {
	At          time.Duration // since the plan's begin
	Node        int
	Destination string
}

// String implements section.
func (s *dateWindowsSection) String() string {
	var b strings.Builder
	b.WriteString("windows end")
	for _, w := range s.Windows {
		fmt.Fprintf(&b, "; of %s on node %d at %s", w.Destination, w.Node, w.At)
	}
	return b.String()
}

func (s *dateWindowsSection) begin(w *world) any { return &dateWindowsPart{s, w} }

type dateWindowsPart struct {
	*dateWindowsSection
	w *world
}

// play implements plays. A window that is refused, or that a crash ends, is the next one's affair.
func (s *dateWindowsPart) play() {
	begun := time.Now()
	for _, window := range s.Windows {
		select {
		case <-time.After(time.Until(begun.Add(window.At))):
		case <-s.w.acted:
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		_, err := s.w.nodes[window.Node].api().Cutover(ctx, client.Cutover{Window: window.Destination})
		cancel()
		if err == nil {
			s.w.faults.add("window within a date", 1)
		}
	}
}
