package main

import (
	"encoding/json"
	"errors"
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

// What is worse in the last window than when the caches were full fails by its name; in the first one, and between
// them, nothing but errors and audits count.
func TestSoakVerdict(t *testing.T) {
	for want, change := range map[string]func(s *soak){
		"": func(s *soak) {
			s.Windows[0].MemoryMiB, s.Windows[0].Load.P99MS, s.Windows[0].DiskBytes = 60, 1, 100
			s.Windows[2].Load.P99MS, s.Windows[2].MemoryMiB = 100, 400
		},
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
		err := errors.Join(s.check(), s.verdict())
		switch {
		case want == "" && err != nil:
			t.Errorf("nothing grew for good, and it says: %v", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%v, want that it is %q alone", err, want)
		case s.BaselineS != 120:
			t.Errorf("compared with the window that ends at %g s, want the second", s.BaselineS)
		}
	}
}

// Windows that an audit ran beside are slower: they are compared with each other, and with no other.
func TestSoakBesideAudits(t *testing.T) {
	audited := func(p99 float64) *soak {
		s := steadySoak()
		s.Windows = append(s.Windows, s.Windows...)
		for _, n := range []int{2, 5, 7} {
			s.Windows[n].Audited, s.Windows[n].Load.P99MS, s.Windows[n].MemoryMiB = true, p99, 500
		}
		return s
	}
	s := audited(80)
	if err := errors.Join(s.check(), s.verdict()); err != nil {
		t.Errorf("as slow beside each audit, and it says: %v", err)
	}
	s = audited(80)
	s.Windows[7].Load.P99MS = 170
	if err := errors.Join(s.check(), s.verdict()); err == nil || !strings.Contains(err.Error(), "p99 beside an audit") {
		t.Errorf("%v, want that the last audit is beside what is slower", err)
	}
	for i := range s.Windows[1:] {
		s.Windows[i+1].Audited = true
	}
	if err := s.check(); err == nil || !strings.Contains(err.Error(), "nothing to compare") {
		t.Errorf("%v, want that no window is without an audit", err)
	}
}

// An audit beside the load looks at no more than it may hold, and at nothing twice; what is in none is counted.
func TestSoakAuditsArePartial(t *testing.T) {
	s := &soak{}
	for _, c := range []struct{ payments, first, last uint64 }{
		{400_000, 1, 400_000}, {700_000, 400_001, 700_000}, {2_700_000, 2_200_001, 2_700_000},
	} {
		s.Payments = c.payments
		a := s.nextAudit()
		if a.First != c.first || a.Last != c.last || a.whole {
			t.Errorf("of %d payments %d to %d are audited, want %d to %d", c.payments, a.First, a.Last, c.first, c.last)
		}
		s.Audits = append(s.Audits, a)
	}
	if got := s.notAudited(); got != 1_500_000 {
		t.Errorf("%d in no audit, want 1500000", got)
	}
	if a := s.nextAudit(); a.First <= a.Last {
		t.Errorf("%+v although nothing was made since the last audit", a)
	}
	for _, c := range []struct {
		payments uint64
		mib      float64
		want     bool
	}{{3_000_000, 8192, true}, {3_000_000, 4096, false}, {5_000_000, 65536, false}, {1, 0, false}} {
		s.Payments = c.payments
		if got := s.auditsWhole(c.mib); got != c.want {
			t.Errorf("%d payments and %g MiB: all are audited: %v, want %v", c.payments, c.mib, got, c.want)
		}
	}
	s.Audits = append(s.Audits, soakAudit{First: 1, Last: s.Payments})
	if got := s.notAudited(); got != 0 {
		t.Errorf("%d in no audit after one of all", got)
	}
}

// An audit that fails, or that has not found the payments, is not clean.
func TestSoakAuditIsJudged(t *testing.T) {
	for want, c := range map[string]struct {
		report string
		failed error
	}{
		"":                          {`{"payments":100}`, nil},
		"50 payments found of 100":  {`{"payments":50}`, nil},
		"exit status 1":             {`{"payments":100,"difference_count":1}`, errors.New("exit status 1")},
		"report: unexpected end of": {``, nil},
	} {
		a := soakAudit{First: 901, Last: 1000}
		a.judge([]byte(c.report), "", c.failed)
		if a.Clean != (want == "") || !strings.Contains(a.Said, want) {
			t.Errorf("%s, %v: clean %v, %q, want %q", c.report, c.failed, a.Clean, a.Said, want)
		}
	}
}

// A record of before, in which the first window was compared, is read as what it is.
func TestOldSoakIsRead(t *testing.T) {
	const old = `{"commit":"abc","peak":{"tps":100},"rate":60,
		"windows":[{"end_s":60,"load":{"p99_ms":8},"memory_mib":150}],
		"audits":[{"at_s":300,"took_s":9,"clean":true}],"checks":[{"what":"p99, ms","start":8,"end":9,"most":18}]}`
	var s soak
	if err := json.Unmarshal([]byte(old), &s); err != nil {
		t.Fatal(err)
	}
	if s.BaselineS != 0 || s.Rate != 60 || s.Windows[0].Load.P99MS != 8 || !s.Audits[0].Clean || s.Checks[0].Start != 8 {
		t.Errorf("%+v", s)
	}
}
