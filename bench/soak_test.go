package main

import (
	"strings"
	"testing"

	"switchyard/internal/loadgen/steady"
)

// steadySoak is a soak in which nothing grows.
func steadySoak() *soak {
	s := &soak{Rate: 1000, Audits: []soakAudit{{Clean: true}}}
	for n := range 4 {
		s.Windows = append(s.Windows, window{
			EndS: float64(60 * (n + 1)), Load: steady.Summary{TPS: 999, P50MS: 2, P99MS: 8},
			MemoryMiB: 150, Goroutines: 100, Files: 60, DiskBytes: 300,
		})
	}
	return s
}

// What is worse in the last window than it may be fails by its name; in the middle nothing but errors and audits count.
func TestSoakVerdict(t *testing.T) {
	for want, change := range map[string]func(s *soak){
		"":                   func(s *soak) { s.Windows[1].Load.P99MS, s.Windows[2].MemoryMiB = 100, 400 },
		"memory of switchd":  func(s *soak) { s.Windows[3].MemoryMiB = 190 },
		"goroutines":         func(s *soak) { s.Windows[3].Goroutines = 165 },
		"files open":         func(s *soak) { s.Windows[3].Files = 1101 },
		"p50":                func(s *soak) { s.Windows[3].Load.P50MS = 4.1 },
		"p99":                func(s *soak) { s.Windows[3].Load.P99MS = 18.1 },
		"disk a payment":     func(s *soak) { s.Windows[3].DiskBytes = 361 },
		"less than the rate": func(s *soak) { s.Windows[3].Load.TPS = 970 },
		"without an outcome": func(s *soak) { s.Windows[2].Load.Errors = 1 },
		"that found a diff":  func(s *soak) { s.Audits = append(s.Audits, soakAudit{}) },
	} {
		s := steadySoak()
		change(s)
		s.check()
		err := s.verdict()
		switch {
		case want == "" && err != nil:
			t.Errorf("nothing grew for good, and it says: %v", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%v, want that it is %q alone", err, want)
		}
	}
}
