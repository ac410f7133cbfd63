package steady

import (
	"context"
	"time"

	"switchyard/internal/daemons"
	"switchyard/internal/loadgen/record"
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

// usage is what was used for each request between two looks.
func usage(run *record.Run, before, after used, local *daemons.Local) []record.Usage {
	all := run.Total()
	requests := max(all.Sent+run.Warmup.Requests, 1)
	of := func(process string, before, after time.Duration) record.Usage {
		return record.Usage{Process: process, CPU: after - before, PerRequest: (after - before) / time.Duration(requests)}
	}
	list := []record.Usage{of(record.ProcessLoad, before.load, after.load)}
	if local == nil {
		return list
	}
	if local.Switchd != nil {
		u := of(record.ProcessSwitchd, before.switchd, after.switchd)
		u.Allocs, u.PeakMiB = (after.mallocs-before.mallocs)/float64(requests), local.Switchd.PeakMiB()
		list = append(list, u)
	}
	u := of(record.ProcessIssuer, before.issuer, after.issuer)
	u.PeakMiB = local.Issuer.PeakMiB()
	return append(list, u)
}
