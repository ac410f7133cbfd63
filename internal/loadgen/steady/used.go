package steady

import (
	"context"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen"
)

// used is what the three processes have used so far.
type used struct {
	load, switchd, issuer time.Duration // of the processors
	mallocs               float64       // objects that switchd has allocated on its heap
}

// usedBy looks at this process and, where they are its own, at the daemons.
func usedBy(ctx context.Context, local *daemons.Local) (u used, err error) {
	u.load = daemons.OwnCPUTime()
	if local == nil {
		return u, nil
	}
	if local.Switchd != nil && local.Switch == "" {
		metrics, err := local.Metrics(ctx)
		if err != nil {
			return u, err
		}
		u.mallocs = metrics["go_memstats_mallocs_total"]
	}
	u.switchd, u.issuer = local.Switchd.CPUTime(), local.Issuer.CPUTime()
	return u, nil
}

// took sets what was used for each request between two looks.
func (s *Summary) took(before, after used) {
	requests := float64(max(s.Requests, 1))
	us := func(before, after time.Duration) float64 {
		return loadgen.Round(float64((after - before).Microseconds()) / requests)
	}
	s.LoadCPUUS = us(before.load, after.load)
	s.SwitchdCPUUS = us(before.switchd, after.switchd)
	s.IssuerCPUUS = us(before.issuer, after.issuer)
	s.SwitchdAllocs = loadgen.Round((after.mallocs - before.mallocs) / requests)
}
