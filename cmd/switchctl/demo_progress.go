package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// How often the progress is shown: on a terminal as a bar, elsewhere as a line.
const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 3 * time.Second
)

// progress shows a person how far the demo is. It is a demo.Progress.
type progress struct {
	w        io.Writer
	terminal bool
	stop     chan struct{}
	shown    sync.WaitGroup
}

func newProgress(w io.Writer) *progress { return &progress{w: w, terminal: isTerminal(w)} }

// Step says what is being done.
func (p *progress) Step(format string, args ...any) { fmt.Fprintf(p.w, "demo: "+format+"\n", args...) }

// Begin shows finished of total from now on, until End.
func (p *progress) Begin(total int, finished *atomic.Int64) {
	p.stop = make(chan struct{})
	p.shown.Go(func() {
		if p.terminal {
			p.bar(int64(total), finished)
		} else {
			p.lines(int64(total), finished)
		}
	})
}

// End ends it.
func (p *progress) End() {
	close(p.stop)
	p.shown.Wait()
}

func (p *progress) bar(total int64, finished *atomic.Int64) {
	start := time.Now()
	bars := mpb.New(mpb.WithOutput(p.w), mpb.WithWidth(48), mpb.WithRefreshRate(barEvery))
	bar := bars.AddBar(total,
		mpb.PrependDecorators(decor.Name("demo: "), decor.CountersNoUnit("%d / %d payments")),
		mpb.AppendDecorators(decor.Percentage(), decor.Any(func(s decor.Statistics) string {
			return fmt.Sprintf("  %.0f/s", float64(s.Current)/time.Since(start).Seconds())
		})),
	)
	tick := time.NewTicker(barEvery)
	defer tick.Stop()
	for going := true; going; {
		select {
		case <-tick.C:
		case <-p.stop:
			going = false
		}
		bar.SetCurrent(finished.Load())
	}
	if finished.Load() < total {
		bar.Abort(false)
	}
	bars.Wait()
}

func (p *progress) lines(total int64, finished *atomic.Int64) {
	tick := time.NewTicker(lineEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.Step("%d of %d payments", finished.Load(), total)
		case <-p.stop:
			p.Step("%d of %d payments", finished.Load(), total)
			return
		}
	}
}

// isTerminal tells whether a person looks at it.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && f.Name() != os.DevNull
}
