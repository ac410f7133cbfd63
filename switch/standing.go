package txswitch

import "github.com/prometheus/client_golang/prometheus"

// standing shows to Prometheus where the switch stands as a whole, as /readyz and /v1/stats tell it to people. It is
// read when it is asked for.
type standing struct{ s *Switch }

var (
	readyDesc = prometheus.NewDesc("switchyard_ready", "1 while /readyz answers 200.", nil, nil)
	heldDesc  = prometheus.NewDesc(
		"switchyard_held", "1 while the switch is held after a restore, until an operator confirms it.", nil, nil,
	)
	freeDesc = prometheus.NewDesc(
		"switchyard_disk_free_bytes", "Free on the data folder's disk.", nil, nil,
	)
	reserveDesc = prometheus.NewDesc(
		"switchyard_disk_reserve_bytes", "With less than that free new work is refused (limits.disk_reserve_mib).", nil, nil,
	)
	backupDesc = prometheus.NewDesc("switchyard_backup_timestamp_seconds",
		"When the newest backup of this run of the process was made; 0: none yet.", nil, nil,
	)
)

// Describe implements prometheus.Collector.
func (standing) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{readyDesc, heldDesc, freeDesc, reserveDesc, backupDesc} {
		out <- desc
	}
}

// Collect implements prometheus.Collector.
func (w standing) Collect(out chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value)
	}
	is := func(desc *prometheus.Desc, so bool) {
		value := 0.0
		if so {
			value = 1
		}
		gauge(desc, value)
	}
	is(readyDesc, w.s.Unready() == "")
	is(heldDesc, w.s.journal.Hold() != nil)
	// Where it is not known how much is free, nothing is shown: 0 would be an alarm.
	if usage, err := w.s.o.FS.GetDiskUsage(w.s.o.Config.Data); err == nil {
		gauge(freeDesc, float64(usage.AvailBytes))
	}
	gauge(reserveDesc, float64(uint64(w.s.o.Config.Limits.DiskReserveMiB)<<20))
	backup := 0.0
	if at := w.s.api.BackedUp(); !at.IsZero() {
		backup = float64(at.UnixMilli()) / 1000
	}
	gauge(backupDesc, backup)
}
