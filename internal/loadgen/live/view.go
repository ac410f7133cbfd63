package live

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"switchyard/internal/loadgen/record"
)

// How often the view is drawn on a terminal, and a line written elsewhere.
const (
	drawEvery = 500 * time.Millisecond
	lineEvery = 5 * time.Second
)

// Options say what is shown, and where.
type Options struct {
	Recorder *record.Recorder
	Began    time.Time // when driving began
	Window   time.Duration
	Out      io.Writer
	Terminal bool
	// Width is how many columns a terminal has, asked before each drawing.
	Width func() int
}

// View shows a run from Start to Stop.
type View struct {
	Options
	stop  chan struct{}
	loop  sync.WaitGroup
	drawn int // lines that are on the terminal
}

// Start begins to show a run.
func Start(o Options) *View {
	v := &View{Options: o, stop: make(chan struct{})}
	every := lineEvery
	if o.Terminal {
		every = drawEvery
	}
	v.loop.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				v.show()
			case <-v.stop:
				return
			}
		}
	})
	return v
}

// Stop ends it. On a terminal the last drawing is taken away: the report follows.
func (v *View) Stop() {
	close(v.stop)
	v.loop.Wait()
	v.clear()
}

func (v *View) show() {
	s := v.Recorder.Snapshot(time.Since(v.Began))
	if !v.Terminal {
		fmt.Fprintln(v.Out, Line(&s, v.Window))
		return
	}
	frame := Frame(&s, v.Window)
	var b strings.Builder
	if v.drawn > 0 {
		fmt.Fprintf(&b, up, v.drawn)
	}
	columns := v.Width()
	for _, line := range frame {
		b.WriteString(clearLine + cut(line, columns) + "\n")
	}
	b.WriteString(clearBelow)
	v.drawn = len(frame)
	_, _ = io.WriteString(v.Out, b.String()) // who looks on may have gone
}

// What a terminal is told: to go up so many lines, and to clear a line or all from here on.
const (
	up         = "\x1b[%dA\r"
	clearLine  = "\x1b[2K"
	clearBelow = "\x1b[J"
)

func (v *View) clear() {
	if v.drawn > 0 {
		fmt.Fprintf(v.Out, up+clearBelow, v.drawn)
		v.drawn = 0
	}
}

// cut keeps a line from being wrapped, which would spoil the next drawing.
func cut(line string, columns int) string {
	if columns <= 0 || utf8.RuneCountInString(line) < columns {
		return line
	}
	return string([]rune(line)[:columns-1])
}
