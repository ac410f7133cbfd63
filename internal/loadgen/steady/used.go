package steady

import (
	"context"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen/record"
)

// used is what the three processes have used so far; nil is of one that does not run, or does not tell.
type used struct {
	load            time.Duration // of the processors
	switchd, issuer *time.Duration
	mallocs         *float64 // objects that switchd has allocated on its heap
}

// usedBy looks at this process and, where they are its own, at the daemons. An error is of one that runs and does not
// tell; what the others tell is there beside it.
func usedBy(ctx context.Context, local *daemons.Local) (u used, err error) {
	u.load = daemons.OwnCPUTime()
	if local == nil {
		return u, nil
	}
	u.issuer = cpuOf(local.Issuer)
	if local.Switchd == nil {
		return u, nil
	}
	if local.Switch == "" && local.Switchd.Alive() == nil {
		metrics, err := local.Metrics(ctx)
		switch {
		case err == nil:
			mallocs := metrics["go_memstats_mallocs_total"]
			u.mallocs = &mallocs
		case local.Switchd.Alive() == nil:
			return u, err
		}
	}
	u.switchd = cpuOf(local.Switchd)
	return u, nil
}

// cpuOf is what a daemon has taken of the processors; nil where it has ended.
func cpuOf(d *daemons.Daemon) *time.Duration {
	took := d.CPUTime()
	if d.Alive() != nil {
		return nil
	}
	return &took
}

// usage is what was used for each request between two looks. Of a daemon that has ended between them there is nothing.
func usage(run *record.Run, before, after used, local *daemons.Local) []record.Usage {
	all := run.Total()
	requests := max(all.Sent+run.Warmup.Requests, 1)
	of := func(process string, before, after time.Duration) record.Usage {
		return record.Usage{Process: process, CPU: after - before, PerRequest: (after - before) / time.Duration(requests)}
	}
	list := []record.Usage{of(record.ProcessLoad, before.load, after.load)}
	if before.switchd != nil && after.switchd != nil {
		u := of(record.ProcessSwitchd, *before.switchd, *after.switchd)
		u.PeakMiB = local.Switchd.PeakMiB()
		if before.mallocs != nil && after.mallocs != nil {
			u.Allocs = (*after.mallocs - *before.mallocs) / float64(requests)
		}
		list = append(list, u)
	}
	if before.issuer != nil && after.issuer != nil {
		u := of(record.ProcessIssuer, *before.issuer, *after.issuer)
		u.PeakMiB = local.Issuer.PeakMiB()
		list = append(list, u)
	}
	return list
}
