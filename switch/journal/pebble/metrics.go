package pebble

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the journal's own; Pebble's are read when they are asked for.
type metrics struct {
	registerer prometheus.Registerer
	commits    prometheus.Histogram
	syncs      prometheus.Histogram
	groups     prometheus.Histogram
	all        []prometheus.Collector
}

// newMetrics makes the metrics and registers them, if there is where.
func newMetrics(j *Journal, r prometheus.Registerer) (*metrics, error) {
	seconds := prometheus.ExponentialBucketsRange(100e-6, 5, 16)
	m := &metrics{
		registerer: r,
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "switchyard_journal_commit_seconds", Buckets: seconds,
			Help: "Time from a call of Commit until its transition was synced.",
		}),
		syncs: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "switchyard_journal_sync_seconds", Buckets: seconds,
			Help: "Time that a group of commits waited for its sync.",
		}),
		groups: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "switchyard_journal_group_commits", Buckets: prometheus.ExponentialBuckets(1, 2, 13),
			Help: "Commits in a group that was synced at once.",
		}),
	}
	m.all = []prometheus.Collector{m.commits, m.syncs, m.groups, j.money.Metric(),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "switchyard_journal_waiting",
			Help: "Commits that wait to be taken into a group.",
		}, func() float64 { return float64(j.queue.len()) }),
		newStoreCollector(j),
	}
	if r == nil {
		return m, nil
	}
	for i, c := range m.all {
		if err := r.Register(c); err != nil {
			for _, done := range m.all[:i] {
				r.Unregister(done)
			}
			return nil, errors.Join(errors.New("journal: metrics"), err)
		}
	}
	return m, nil
}

func (m *metrics) unregister() {
	if m.registerer == nil {
		return
	}
	for _, c := range m.all {
		m.registerer.Unregister(c)
	}
}

func (m *metrics) commit(took time.Duration) { m.commits.Observe(took.Seconds()) }

func (m *metrics) group(g *group, syncing time.Duration) {
	m.groups.Observe(float64(len(g.requests)))
	m.syncs.Observe(syncing.Seconds())
}

// storeCollector shows Pebble's own figures.
type storeCollector struct {
	j      *Journal
	values []storeValue
}

type storeValue struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

// The order of newStoreCollector's values and of those in Collect is the same.
func newStoreCollector(j *Journal) *storeCollector {
	value := func(name, help string, kind prometheus.ValueType) storeValue {
		return storeValue{prometheus.NewDesc("switchyard_journal_"+name, help, nil, nil), kind}
	}
	return &storeCollector{j, []storeValue{
		value("disk_bytes", "Disk space that the journal takes.", prometheus.GaugeValue),
		value("memtable_bytes", "Size of the memory tables.", prometheus.GaugeValue),
		value("wal_bytes", "Size of the live write-ahead log.", prometheus.GaugeValue),
		value("wal_written_bytes_total", "Bytes written to the write-ahead log.", prometheus.CounterValue),
		value("flushes_total", "Memory tables written to disk.", prometheus.CounterValue),
		value("compactions_total", "Compactions of tables on disk.", prometheus.CounterValue),
		value("compaction_debt_bytes", "Estimate of what is left to compact.", prometheus.GaugeValue),
		value("read_amplification", "Tables that a look-up may have to search.", prometheus.GaugeValue),
		value("cache_hits_total", "Block cache hits.", prometheus.CounterValue),
		value("cache_misses_total", "Block cache misses.", prometheus.CounterValue),
	}}
}

// Describe implements prometheus.Collector.
func (s *storeCollector) Describe(out chan<- *prometheus.Desc) {
	for _, v := range s.values {
		out <- v.desc
	}
}

// Collect implements prometheus.Collector.
func (s *storeCollector) Collect(out chan<- prometheus.Metric) {
	v, err := s.j.views.acquire() // so that Close waits
	if err != nil {
		return
	}
	defer v.release()
	m := s.j.db.Metrics()
	for i, v := range []float64{
		float64(m.DiskSpaceUsage()),
		float64(m.MemTable.Size),
		float64(m.WAL.Size),
		float64(m.WAL.BytesWritten),
		float64(m.Flush.Count),
		float64(m.Compact.Count),
		float64(m.Compact.EstimatedDebt),
		float64(m.ReadAmp()),
		float64(m.BlockCache.Hits),
		float64(m.BlockCache.Misses),
	} {
		out <- prometheus.MustNewConstMetric(s.values[i].desc, s.values[i].kind, v)
	}
}
