package saf

import (
	"testing"
	"time"
)

// finds is where a pace ends, where n advices at once go out at rate(n) a second.
func finds(rate func(n int) float64, sending func(n int) int, trip time.Duration) int {
	var p pace
	now := time.Now()
	for range 500 {
		p.room(now, 0, 1, trip)
		p.room(now, sending(p.n), 1, trip)
		p.done += int(rate(p.n) * paceStep.Seconds())
		now = now.Add(paceStep)
	}
	return p.n
}

func TestPace(t *testing.T) {
	all := func(n int) int { return n }
	for _, c := range []struct {
		name        string
		perSecond   float64 // of each that is sent at once
		trip        time.Duration
		sending     func(n int) int
		least, most int
	}{
		{"fast disk", 2000, 0, all, besideLeast, besideLeast},
		{"as fast as need be", 12_500. / besideFirst, 0, all, besideFirst, besideFirst},
		{"slow disk", 250, 0, all, 48, 60},
		{"slower disk", 100, 0, all, besideMost, besideMost},
		{"host far away", 1 / 0.05, 50 * time.Millisecond, all, 600, besideMost + 600},
		{"little to send", 1, 0, func(int) int { return 0 }, besideFirst, besideFirst},
	} {
		got := finds(func(n int) float64 { return c.perSecond * float64(n) }, c.sending, c.trip)
		if got < c.least || got > c.most {
			t.Errorf("%s: %d at once, want %d to %d", c.name, got, c.least, c.most)
		}
	}
}

// What was sent before a pause is not held against what comes after it.
func TestPaceAfterAPause(t *testing.T) {
	var p pace
	now := time.Now()
	p.room(now, 0, 1, 0)
	if p.room(now, besideFirst, 1, 0) > 0 {
		t.Error("room where none is")
	}
	if p.room(now.Add(time.Hour), besideFirst-1, 1, 0); p.n != besideFirst {
		t.Errorf("%d at once after an hour with nothing to send", p.n)
	}
}
