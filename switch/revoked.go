package txswitch

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"switchyard/internal/revocation"
)

// revokedInterval is how often the lists of revoked certificates are looked at where nobody connects.
const revokedInterval = time.Minute

// revoked shows to Prometheus how things stand with the files of revoked certificates. It is read when it is asked for.
type revoked struct{ lists []*revocation.Lists }

var (
	nextListDesc = prometheus.NewDesc("switchyard_crl_next_update_timestamp_seconds",
		"By when a file's list of revoked certificates is to be replaced.", []string{"file"}, nil,
	)
	listTakenDesc = prometheus.NewDesc("switchyard_crl_taken",
		"1 while what stands in the file is what counts; 0: it cannot be read or is not taken, and what was there before "+
			"counts.", []string{"file"}, nil,
	)
)

// Describe implements prometheus.Collector.
func (revoked) Describe(out chan<- *prometheus.Desc) {
	out <- nextListDesc
	out <- listTakenDesc
}

// Collect implements prometheus.Collector.
func (r revoked) Collect(out chan<- prometheus.Metric) {
	for _, of := range r.standing() {
		next, taken := float64(of.NextUpdate.UnixMilli())/1000, 1.0
		if of.Unread != "" {
			taken = 0
		}
		out <- prometheus.MustNewConstMetric(nextListDesc, prometheus.GaugeValue, next, of.File)
		out <- prometheus.MustNewConstMetric(listTakenDesc, prometheus.GaugeValue, taken, of.File)
	}
}

// standing is that of each file, also of one that several ports and issuers have.
func (r revoked) standing() (all []revocation.Standing) {
	told := map[string]bool{}
	for _, lists := range r.lists {
		for _, of := range lists.Standing() {
			if !told[of.File] {
				told[of.File] = true
				all = append(all, of)
			}
		}
	}
	return all
}

// watchRevoked says when a list is not replaced in time, or is replaced by what is not taken, and when it is well
// again.
func (s *Switch) watchRevoked(ctx context.Context) {
	r := revoked{s.o.Revoked}
	was := map[string]revocation.Standing{}
	every(ctx, revokedInterval, func() bool {
		for _, of := range r.standing() {
			file := []zap.Field{zap.String("file", of.File), zap.Time("next_update", of.NextUpdate.UTC())}
			before := was[of.File]
			was[of.File] = of
			switch {
			case of.Unread != "" && of.Unread != before.Unread:
				s.o.Logger.Error("a list of revoked certificates is not taken; the one before it counts",
					append(file, zap.String("why", of.Unread))...)
			case of.Stale && !before.Stale:
				s.o.Logger.Error("a list of revoked certificates was to be replaced and is not", file...)
			case (before.Unread != "" || before.Stale) && of.Unread == "" && !of.Stale:
				s.o.Logger.Info("a list of revoked certificates is well again", file...)
			}
		}
		return len(r.lists) > 0
	})
}
